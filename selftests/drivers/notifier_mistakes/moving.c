// SPDX-License-Identifier: GPL-2.0
/*
 * Drivers that use the memory of a subscription again, for another process, when its process has
 * exited.  The core has unlinked the subscription then, but the driver must still unregister it:
 * until then it keeps the mm_struct.
 */
#include <linux/rculist.h>
#include <linux/sched/mm.h>

#include "mistakes.h"

/* Right: ends the subscription before. */
static int moved_start(struct mmu_notifier *hlist, const struct mmu_notifier_range *range)
{
	atomic_long_inc(&to_hlist(hlist)->begun);
	return 0;
}

const struct mmu_notifier_ops moved_ops = {
	.invalidate_range_start = moved_start,
};

/* Wrong: does not end it. */
static int registered_again_start(struct mmu_notifier *hlist,
				  const struct mmu_notifier_range *range)
{
	atomic_long_inc(&to_hlist(hlist)->begun);
	return 0;
}

const struct mmu_notifier_ops registered_again_ops = {
	.invalidate_range_start = registered_again_start,
};

int move_subscription(struct subscription *sub, struct mm_struct *mm)
{
	struct mm_struct *old = sub->hlist.mm;
	int error;

	/* Else the list of @old would be corrupted. */
	if (!hlist_unhashed_lockless(&sub->hlist.hlist))
		return -EBUSY;
	if (sub->driver->hlist == &moved_ops)
		mmu_notifier_unregister(&sub->hlist, old);
	error = mmu_notifier_register(&sub->hlist, mm);
	/* The reference that the driver has lost: the machine has to go on. */
	if (!error && sub->driver->hlist != &moved_ops)
		mmdrop(old);
	return error;
}
