// SPDX-License-Identifier: GPL-2.0
/*
 * Drivers whose start takes long, or does not return until a user lets it.
 */
#include <linux/ktime.h>
#include <linux/processor.h>
#include <linux/wait.h>

#include "mistakes.h"

/* Runs all the time: it does not sleep. */
static int slow_start(struct mmu_notifier *hlist, const struct mmu_notifier_range *range)
{
	ktime_t end = ktime_add_ms(ktime_get(), to_hlist(hlist)->msecs);

	while (ktime_before(ktime_get(), end))
		cpu_relax();
	atomic_long_inc(&to_hlist(hlist)->begun);
	return 0;
}

const struct mmu_notifier_ops slow_ops = {
	.invalidate_range_start = slow_start,
	.invalidate_range_end = clean_end,
};

static DECLARE_WAIT_QUEUE_HEAD(wait);
static bool held;

void let_hanging_go(void)
{
	WRITE_ONCE(held, false);
	wake_up_all(&wait);
}

void have_them_hang(void)
{
	WRITE_ONCE(held, true);
}

/* A test that was killed leaves no task that never ends. */
static int hanging_start(struct mmu_notifier *hlist, const struct mmu_notifier_range *range)
{
	if (mmu_notifier_range_blockable(range) &&
	    wait_event_killable(wait, !READ_ONCE(held)))
		let_hanging_go();
	atomic_long_inc(&to_hlist(hlist)->begun);
	return 0;
}

const struct mmu_notifier_ops hanging_ops = {
	.invalidate_range_start = hanging_start,
	.invalidate_range_end = clean_end,
};
