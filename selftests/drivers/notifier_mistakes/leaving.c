// SPDX-License-Identifier: GPL-2.0
/*
 * Drivers whose task leaves its CPU without sleeping.  One of them calls schedule(), which
 * it may not in a non-blockable callback; the others do nothing wrong.
 */
#include <linux/cleanup.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "mistakes.h"

/* Wrong: calls schedule().  The task goes on to run, at once or after others of its CPU. */
static void yield_to_others(const struct mmu_notifier_range *range)
{
	schedule();
}

DRIVERS_IN_EACH_CALLBACK(yielding, yield_to_others);

/* A work item on the CPU of the task that is in the callback. */
struct other {
	struct work_struct work;
	struct task_struct *task;
	bool runs;
};

/* Starts the work.  The task must not migrate until end_other() has returned. */
static void begin_other(struct other *other, work_func_t func)
{
	other->task = current;
	other->runs = false;
	INIT_WORK_ONSTACK(&other->work, func);
	queue_work_on(smp_processor_id(), system_percpu_wq, &other->work);
}

/* Waits until the worker runs, so it has preempted this task. */
static void wait_for_other(struct other *other)
{
	while (!READ_ONCE(other->runs))
		cpu_relax();
}

/* Waits without sleeping: flush_work() would sleep. */
static void end_other(struct other *other)
{
	while (work_busy(&other->work))
		cpu_relax();
	destroy_work_on_stack(&other->work);
}

static DEFINE_SPINLOCK(contended);

#ifdef CONFIG_PREEMPT_RT
/*
 * Holds the spin lock until the task has left its run queue for it.  The task does so as
 * soon as it runs: it spins only for an owner that runs too, and the owner is on its CPU.
 */
static void hold(struct work_struct *work)
{
	struct other *other = container_of(work, struct other, work);
	struct task_struct *task = other->task;

	guard(spinlock)(&contended);
	WRITE_ONCE(other->runs, true);
	while (READ_ONCE(task->__state) != TASK_RTLOCK_WAIT ||
	       (READ_ONCE(task->on_rq) && !READ_ONCE(task->se.sched_delayed)))
		cpu_relax();
}

/* Right: takes a spin lock, for which the task leaves its CPU, since another task holds it. */
static void take_spin_lock(const struct mmu_notifier_range *range)
{
	struct other other;

	guard(migrate)();
	begin_other(&other, hold);
	wait_for_other(&other);
	spin_lock(&contended);
	spin_unlock(&contended);
	end_other(&other);
}
#else
/* Right: takes a spin lock. */
static void take_spin_lock(const struct mmu_notifier_range *range)
{
	guard(spinlock)(&contended);
}
#endif

DRIVERS_IN_EACH_CALLBACK(spinning, take_spin_lock);

static void run(struct work_struct *work)
{
	struct other *other = container_of(work, struct other, work);

	WRITE_ONCE(other->runs, true);
}

/*
 * Right: is preempted between the steps of wait_event(): in a state in which schedule() would
 * sleep, but then the task does not call it, as if the event had come.
 */
static void be_preempted(const struct mmu_notifier_range *range)
{
	struct other other;

	guard(migrate)();
	set_current_state(TASK_UNINTERRUPTIBLE);
	begin_other(&other, run);
	wait_for_other(&other);
	__set_current_state(TASK_RUNNING);
	end_other(&other);
}

DRIVERS_IN_EACH_CALLBACK(preempted, be_preempted);
