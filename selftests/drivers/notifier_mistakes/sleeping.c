// SPDX-License-Identifier: GPL-2.0
/*
 * Drivers that sleep without checking whether they may.
 */
#include <linux/delay.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "mistakes.h"

/*
 * Sleeps for certain.  In a non-blockable callback schedule() may print a call trace before
 * it sleeps, and the timer may expire meanwhile: the task would not sleep.
 */
static void sleep_for_certain(void)
{
	unsigned long before = current->nvcsw;
	unsigned int msecs = 1;

	while (current->nvcsw == before)
		msleep(msecs *= 2);
}

/* Right: sleeps only where it may. */
static int sleeps_if_blockable_start(struct mmu_notifier *hlist,
				     const struct mmu_notifier_range *range)
{
	if (mmu_notifier_range_blockable(range))
		sleep_for_certain();
	atomic_long_inc(&to_hlist(hlist)->begun);
	return 0;
}

const struct mmu_notifier_ops sleeps_if_blockable_ops = {
	.invalidate_range_start = sleeps_if_blockable_start,
	.invalidate_range_end = clean_end,
};

/* Wrong: sleeps in each start. */
static int sleeping_start(struct mmu_notifier *hlist, const struct mmu_notifier_range *range)
{
	sleep_for_certain();
	atomic_long_inc(&to_hlist(hlist)->begun);
	return 0;
}

const struct mmu_notifier_ops sleeping_start_ops = {
	.invalidate_range_start = sleeping_start,
	.invalidate_range_end = clean_end,
};

/* Wrong: sleeps in each end. */
static void sleeping_end(struct mmu_notifier *hlist, const struct mmu_notifier_range *range)
{
	sleep_for_certain();
	atomic_long_inc(&to_hlist(hlist)->ended);
}

const struct mmu_notifier_ops sleeping_end_ops = {
	.invalidate_range_start = clean_start,
	.invalidate_range_end = sleeping_end,
};

/* Wrong: takes a mutex.  The mutex is free, so this might sleep but does not. */
static int locking_start(struct mmu_notifier *hlist, const struct mmu_notifier_range *range)
{
	static DEFINE_MUTEX(free_lock);

	mutex_lock(&free_lock);
	atomic_long_inc(&to_hlist(hlist)->begun);
	mutex_unlock(&free_lock);
	return 0;
}

const struct mmu_notifier_ops locking_ops = {
	.invalidate_range_start = locking_start,
	.invalidate_range_end = clean_end,
};

/*
 * Wrong: allocates memory with direct reclaim.  Without the flag lockdep would report that
 * too, and turn itself off.
 */
static int allocating_start(struct mmu_notifier *hlist, const struct mmu_notifier_range *range)
{
	kfree(kmalloc(64, GFP_KERNEL | __GFP_NOLOCKDEP));
	atomic_long_inc(&to_hlist(hlist)->begun);
	return 0;
}

const struct mmu_notifier_ops allocating_ops = {
	.invalidate_range_start = allocating_start,
	.invalidate_range_end = clean_end,
};

static void clean_tlbs(struct mmu_notifier *hlist, struct mm_struct *mm, unsigned long start,
		       unsigned long end)
{
	atomic_long_inc(&to_hlist(hlist)->begun);
}

const struct mmu_notifier_ops clean_tlbs_ops = {
	.arch_invalidate_secondary_tlbs = clean_tlbs,
};

/*
 * Wrong: sleeps, although the core may hold a page table lock.  The machine has to go on, so
 * this sleeps where the core holds no such lock, as at the end of munmap().
 */
static void sleeping_tlbs(struct mmu_notifier *hlist, struct mm_struct *mm, unsigned long start,
			  unsigned long end)
{
	atomic_long_inc(&to_hlist(hlist)->begun);
	if (preemptible() && !rcu_preempt_depth())
		sleep_for_certain();
}

const struct mmu_notifier_ops sleeping_tlbs_ops = {
	.arch_invalidate_secondary_tlbs = sleeping_tlbs,
};

/* Wrong: sleeps in each range. */
static bool sleeping_invalidate(struct mmu_interval_notifier *interval,
				const struct mmu_notifier_range *range, unsigned long seq)
{
	atomic_long_inc(&to_interval(interval)->begun);
	sleep_for_certain();
	set_seq(to_interval(interval), seq);
	return true;
}

const struct mmu_interval_notifier_ops sleeping_interval_ops = {
	.invalidate = sleeping_invalidate,
};

/* Wrong: sleeps in the second pass. */
static void sleeping_finish(struct mmu_interval_notifier_finish *finish)
{
	sleep_for_certain();
	end_pass(finish);
}

const struct mmu_interval_notifier_ops sleeping_finish_ops = {
	.invalidate_start = clean_pass,
	.invalidate_finish = sleeping_finish,
};
