// SPDX-License-Identifier: GPL-2.0
/*
 * Drivers that sleep, and never ask whether they may.
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "driver.h"

/*
 * Who is preempted on the way to sleep, for so long that there is nothing left to
 * sleep for, has not slept.  Then once more, so that it always happens.
 */
#define UNTIL_SLEPT(_sleep)					\
	do {							\
		unsigned long before_ = current->nvcsw;		\
								\
		do {						\
			_sleep;					\
		} while (current->nvcsw == before_);		\
	} while (0)

static void sleep_msleep(const struct mmu_notifier_range *range)
{
	UNTIL_SLEPT(msleep(20));
}

/* schedule() itself, in a state that it does not return from at once. */
static void schedule_away(void)
{
	set_current_state(TASK_UNINTERRUPTIBLE);
	schedule_timeout(1);
}

static void sleep_schedule(const struct mmu_notifier_range *range)
{
	UNTIL_SLEPT(schedule_away());
}

static DEFINE_MUTEX(faulty_lock);

static void sleep_mutex_free(const struct mmu_notifier_range *range)
{
	mutex_lock(&faulty_lock);
	mutex_unlock(&faulty_lock);
}

/* Somebody who has the mutex until another one sleeps for it. */
struct holder {
	struct work_struct work;
	struct task_struct *waiter;
	bool holds;
};

static DEFINE_MUTEX(contended);

/* Not for ever, if it is not what it seems to be. */
#define HOLD_LIMIT HZ

static void hold(struct work_struct *work)
{
	struct holder *holder = container_of(work, struct holder, work);
	unsigned long end = jiffies + HOLD_LIMIT;

	mutex_lock(&contended);
	WRITE_ONCE(holder->holds, true);
	while (task_is_running(holder->waiter) && time_before(jiffies, end))
		msleep(20);
	/* It has said that it will sleep; now it does. */
	msleep(20);
	mutex_unlock(&contended);
}

static void lock_held_one(void)
{
	struct holder holder = { .waiter = current };
	unsigned long end = jiffies + HOLD_LIMIT;

	INIT_WORK_ONSTACK(&holder.work, hold);
	queue_work(system_dfl_wq, &holder.work);
	while (!READ_ONCE(holder.holds) && time_before(jiffies, end))
		cpu_relax();
	mutex_lock(&contended);
	mutex_unlock(&contended);
	flush_work(&holder.work);
	destroy_work_on_stack(&holder.work);
}

static void sleep_mutex(const struct mmu_notifier_range *range)
{
	if (!mmu_notifier_range_blockable(range))
		UNTIL_SLEPT(lock_held_one());
}

/*
 * It does not sleep here, as there is memory, but might.  Lockdep knows that as
 * well, from its map of all invalidations, and then nothing more until the next
 * boot: it is not asked.
 */
static void sleep_gfp_kernel(const struct mmu_notifier_range *range)
{
	kfree(kmalloc(64, GFP_KERNEL | __GFP_NOLOCKDEP));
}

#define SLEEPER(_how)								\
static int start_##_how(struct mmu_notifier *subscription,			\
			const struct mmu_notifier_range *range)			\
{										\
	sleep_##_how(range);							\
	return faulty_start(subscription, range);				\
}										\
										\
static void end_##_how(struct mmu_notifier *subscription,			\
		       const struct mmu_notifier_range *range)			\
{										\
	sleep_##_how(range);							\
	faulty_end(subscription, range);					\
}										\
										\
static bool invalidate_##_how(struct mmu_interval_notifier *subscription,	\
			      const struct mmu_notifier_range *range,		\
			      unsigned long sequence)				\
{										\
	sleep_##_how(range);							\
	mmu_interval_set_seq(subscription, sequence);				\
	return true;								\
}										\
										\
const struct faulty_sleeper faulty_##_how = {					\
	.in_start = {								\
		.invalidate_range_start = start_##_how,				\
		.invalidate_range_end = faulty_end,				\
		.alloc_notifier = faulty_alloc,					\
		.free_notifier = faulty_free,					\
	},									\
	.in_end = {								\
		.invalidate_range_start = faulty_start,				\
		.invalidate_range_end = end_##_how,				\
		.alloc_notifier = faulty_alloc,					\
		.free_notifier = faulty_free,					\
	},									\
	.in_interval = { .invalidate = invalidate_##_how },			\
}

SLEEPER(msleep);
SLEEPER(schedule);
SLEEPER(mutex);
SLEEPER(mutex_free);
SLEEPER(gfp_kernel);
