// SPDX-License-Identifier: GPL-2.0
/*
 * A driver that the core asks whether its device has used pages: never.
 */
#include <linux/align.h>
#include <linux/mm.h>

#include "mistakes.h"

static bool aging_clear_flush_young(struct mmu_notifier *hlist, struct mm_struct *mm,
				    unsigned long start, unsigned long end)
{
	return false;
}

static bool aging_clear_young(struct mmu_notifier *hlist, struct mm_struct *mm,
			      unsigned long start, unsigned long end)
{
	atomic_long_inc(&to_hlist(hlist)->begun);
	if (!PAGE_ALIGNED(start | end))
		atomic_long_inc(&to_hlist(hlist)->ended);
	return false;
}

static bool aging_test_young(struct mmu_notifier *hlist, struct mm_struct *mm,
			     unsigned long address)
{
	return false;
}

const struct mmu_notifier_ops aging_ops = {
	.clear_flush_young = aging_clear_flush_young,
	.clear_young = aging_clear_young,
	.test_young = aging_test_young,
};
