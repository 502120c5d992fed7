// SPDX-License-Identifier: GPL-2.0
/*
 * Drivers whose start takes long, or does not return.
 */
#include <linux/compiler.h>
#include <linux/delay.h>
#include <linux/ktime.h>
#include <linux/processor.h>
#include <linux/wait.h>

#include "mistakes.h"

/* Takes so long, without a sleep in a non-blockable range.  A loop costs the host's time. */
static int slow_start(struct mmu_notifier *hlist, const struct mmu_notifier_range *range)
{
	ktime_t end = ktime_add_ms(ktime_get(), to_hlist(hlist)->msecs);

	if (mmu_notifier_range_blockable(range))
		msleep(to_hlist(hlist)->msecs);
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

void hold_hanging(void)
{
	WRITE_ONCE(held, true);
}

/* Waits until a user writes "go", or kills the task. */
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

/* Wrong: the task dies here. */
static int oopsing_start(struct mmu_notifier *hlist, const struct mmu_notifier_range *range)
{
	int *nothing = NULL;

	return READ_ONCE(*nothing);
}

const struct mmu_notifier_ops oopsing_ops = {
	.invalidate_range_start = oopsing_start,
	.invalidate_range_end = clean_end,
};
