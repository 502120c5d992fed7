// SPDX-License-Identifier: GPL-2.0
/*
 * Drivers that sleep without checking whether they may.
 */
#include <linux/delay.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "driver.h"

/*
 * Each sleep_*() below is certain to sleep, except mutex_free and gfp_kernel, which
 * only might.  In a non-blockable callback schedule() prints a BUG with a call trace
 * before it sleeps.  A slow console may take longer for that than any fixed timeout:
 * the timer would expire before the task sleeps, and the task would not sleep.  So a
 * sleep lasts until another task has seen it, or is repeated with a longer timeout.
 */
static void sleep_msleep(const struct mmu_notifier_range *range)
{
	unsigned long before = current->nvcsw;
	unsigned int msecs = 10;

	while (current->nvcsw == before)
		msleep(msecs *= 2);
}

/* A work item that waits until a task sleeps, and then wakes it. */
struct waker {
	struct work_struct work;
	struct task_struct *sleeper;
	bool done;
};

/* Waits until @task has left its run queue, or will leave it (delayed dequeue). */
static void wait_until_asleep(struct task_struct *task)
{
	while (READ_ONCE(task->on_rq) && !READ_ONCE(task->se.sched_delayed))
		fsleep(USEC_PER_MSEC);
}

/* @work is on the stack of the sleeper, which may return as soon as it sees waker->done. */
static void wake(struct work_struct *work)
{
	struct waker *waker = container_of(work, struct waker, work);
	struct task_struct *sleeper = get_task_struct(waker->sleeper);

	wait_until_asleep(sleeper);
	WRITE_ONCE(waker->done, true);
	wake_up_process(sleeper);
	put_task_struct(sleeper);
}

/* Calls schedule() directly: unlike wait_event(), nothing here calls might_sleep(). */
static void schedule_away(void)
{
	struct waker waker = { .sleeper = current };

	INIT_WORK_ONSTACK(&waker.work, wake);
	queue_work(system_dfl_wq, &waker.work);
	for (;;) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		if (READ_ONCE(waker.done))
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	/* wake() has let this task go on, but must return before the module can go. */
	while (work_busy(&waker.work))
		cpu_relax();
	destroy_work_on_stack(&waker.work);
}

static void sleep_schedule(const struct mmu_notifier_range *range)
{
	schedule_away();
}

static DEFINE_MUTEX(faulty_lock);

static void sleep_mutex_free(const struct mmu_notifier_range *range)
{
	mutex_lock(&faulty_lock);
	mutex_unlock(&faulty_lock);
}

static DEFINE_MUTEX(contended);

/* A work item that holds the mutex until another task sleeps for it. */
struct holder {
	struct work_struct work;
	struct task_struct *waiter;
	bool holds;
};

static void hold(struct work_struct *work)
{
	struct holder *holder = container_of(work, struct holder, work);

	mutex_lock(&contended);
	WRITE_ONCE(holder->holds, true);
	wait_until_asleep(holder->waiter);
	mutex_unlock(&contended);
}

static void lock_held_one(void)
{
	struct holder holder = { .waiter = current };

	INIT_WORK_ONSTACK(&holder.work, hold);
	queue_work(system_dfl_wq, &holder.work);
	while (!READ_ONCE(holder.holds))
		cpu_relax();
	mutex_lock(&contended);
	mutex_unlock(&contended);
	flush_work(&holder.work);
	destroy_work_on_stack(&holder.work);
}

static void sleep_mutex(const struct mmu_notifier_range *range)
{
	if (!mmu_notifier_range_blockable(range))
		lock_held_one();
}

/*
 * Does not sleep, because there is enough memory, but might.  __GFP_NOLOCKDEP: lockdep
 * would report this by the core's map of all invalidations, and then be off until the
 * next boot.
 */
static void sleep_gfp_kernel(const struct mmu_notifier_range *range)
{
	kfree(kmalloc(64, GFP_KERNEL | __GFP_NOLOCKDEP));
}

FAULTY_SLEEPER(msleep);
FAULTY_SLEEPER(schedule);
FAULTY_SLEEPER(mutex);
FAULTY_SLEEPER(mutex_free);
FAULTY_SLEEPER(gfp_kernel);
