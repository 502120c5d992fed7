// SPDX-License-Identifier: GPL-2.0
/*
 * Drivers that sleep, or might, without checking whether they may.
 */
#include <linux/delay.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "mistakes.h"

/*
 * A work item that lets a task go on once the task sleeps.  In a non-blockable callback
 * schedule() may print a call trace before the task sleeps, for which a slow console takes
 * longer than any timeout.
 */
struct waker {
	struct work_struct work;
	struct task_struct *sleeper;
	/* The task may go on: wake() has woken it, or hold() has the mutex. */
	bool done;
};

/* Waits until @task has left its run queue, or will leave it (delayed dequeue). */
static void wait_until_asleep(struct task_struct *task)
{
	while (READ_ONCE(task->on_rq) && !READ_ONCE(task->se.sched_delayed))
		fsleep(USEC_PER_MSEC);
}

static void begin_waker(struct waker *waker, work_func_t func)
{
	waker->sleeper = current;
	waker->done = false;
	INIT_WORK_ONSTACK(&waker->work, func);
	queue_work(system_dfl_wq, &waker->work);
}

/* Waits for the end of the work without sleeping: flush_work() would sleep. */
static void end_waker(struct waker *waker)
{
	while (work_busy(&waker->work))
		cpu_relax();
	destroy_work_on_stack(&waker->work);
}

/* The sleeper, on whose stack @work is, goes on as soon as it sees waker->done. */
static void wake(struct work_struct *work)
{
	struct waker *waker = container_of(work, struct waker, work);
	struct task_struct *sleeper = get_task_struct(waker->sleeper);

	wait_until_asleep(sleeper);
	WRITE_ONCE(waker->done, true);
	wake_up_process(sleeper);
	put_task_struct(sleeper);
}

/* Sleeps once, for certain.  Nothing here calls might_sleep(), as wait_event() does. */
static void sleep_once(void)
{
	struct waker waker;

	begin_waker(&waker, wake);
	for (;;) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		if (READ_ONCE(waker.done))
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	end_waker(&waker);
}

/* Right: sleeps only where it may. */
static int sleeps_if_blockable_start(struct mmu_notifier *hlist,
				     const struct mmu_notifier_range *range)
{
	if (mmu_notifier_range_blockable(range))
		sleep_once();
	atomic_long_inc(&to_hlist(hlist)->begun);
	return 0;
}

const struct mmu_notifier_ops sleeps_if_blockable_ops = {
	.invalidate_range_start = sleeps_if_blockable_start,
	.invalidate_range_end = clean_end,
};

/* Wrong: sleeps in each range. */
static void sleep_always(const struct mmu_notifier_range *range)
{
	sleep_once();
}

DRIVERS_IN_EACH_CALLBACK(sleeping, sleep_always);

static DEFINE_MUTEX(contended);

/* Holds the mutex until the sleeper waits for it. */
static void hold(struct work_struct *work)
{
	struct waker *waker = container_of(work, struct waker, work);

	mutex_lock(&contended);
	WRITE_ONCE(waker->done, true);
	wait_until_asleep(waker->sleeper);
	mutex_unlock(&contended);
}

/* Wrong: takes a mutex that another task holds, in a range that is non-blockable. */
static void take_held_mutex(const struct mmu_notifier_range *range)
{
	struct waker waker;

	if (mmu_notifier_range_blockable(range))
		return;
	begin_waker(&waker, hold);
	while (!READ_ONCE(waker.done))
		cpu_relax();
	mutex_lock(&contended);
	mutex_unlock(&contended);
	end_waker(&waker);
}

DRIVERS_IN_EACH_CALLBACK(contending, take_held_mutex);

/* Wrong: takes a mutex.  The mutex is free, so this might sleep but does not. */
static void take_free_mutex(const struct mmu_notifier_range *range)
{
	static DEFINE_MUTEX(free_lock);

	mutex_lock(&free_lock);
	mutex_unlock(&free_lock);
}

DRIVERS_IN_EACH_CALLBACK(locking, take_free_mutex);

/*
 * Wrong: allocates memory with direct reclaim.  Without the flag lockdep would report that
 * too, and turn itself off.
 */
static void allocate(const struct mmu_notifier_range *range)
{
	kfree(kmalloc(64, GFP_KERNEL | __GFP_NOLOCKDEP));
}

DRIVERS_IN_EACH_CALLBACK(allocating, allocate);

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
		sleep_once();
}

const struct mmu_notifier_ops sleeping_tlbs_ops = {
	.arch_invalidate_secondary_tlbs = sleeping_tlbs,
};

/* Wrong: sleeps in the second pass. */
static void sleeping_finish(struct mmu_interval_notifier_finish *finish)
{
	sleep_once();
	end_pass(finish);
}

const struct mmu_interval_notifier_ops sleeping_finish_ops = {
	.invalidate_start = clean_pass,
	.invalidate_finish = sleeping_finish,
};
