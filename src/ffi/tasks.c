// SPDX-License-Identifier: GPL-2.0
/*
 * Questions about tasks of which only the id and the start time are known, and the work
 * item that asks them.
 */
#include <linux/cleanup.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/sched/task_stack.h>
#include <linux/workqueue.h>

#include "helpers.h"

/* Returns the task, with RCU held, or NULL if it has exited. */
static struct task_struct *find(pid_t pid, u64 start_time)
{
	struct task_struct *task = pid_task(find_pid_ns(pid, &init_pid_ns), PIDTYPE_PID);

	/* A zombie runs no code any more. */
	if (!task || task->start_time != start_time || READ_ONCE(task->exit_state))
		return NULL;
	return task;
}

bool mnck_helper_task_has_exited(pid_t pid, u64 start_time)
{
	guard(rcu)();
	return !find(pid, start_time);
}

static unsigned long saved_stack_pointer(struct task_struct *task)
{
#if defined(CONFIG_X86_64)
	return READ_ONCE(task->thread.sp);
#elif defined(CONFIG_ARM64)
	return READ_ONCE(task->thread.cpu_context.sp);
#else
#error "add the stack pointer of a task that does not run"
#endif
}

bool mnck_helper_task_has_left_frame(pid_t pid, u64 start_time, unsigned long address)
{
	struct task_struct *task;
	unsigned long switches, stack, sp;

	guard(rcu)();
	task = find(pid, start_time);
	if (!task)
		return false;

	/*
	 * The stack pointer is saved when the task stops running.  It is that of now if the
	 * task has not run in between: a task that runs has on_cpu set, and one that has run
	 * has counted a switch.
	 */
	switches = READ_ONCE(task->nvcsw) + READ_ONCE(task->nivcsw);
	/* Pairs with the release in finish_task(): what was saved before is seen. */
	if (smp_load_acquire(&task->on_cpu))
		return false;
	sp = saved_stack_pointer(task);
	/* The second look comes after the stack pointer was read. */
	smp_rmb();
	if (READ_ONCE(task->on_cpu) ||
	    READ_ONCE(task->nvcsw) + READ_ONCE(task->nivcsw) != switches)
		return false;

	stack = (unsigned long)READ_ONCE(task->stack);
	return address >= stack && address < sp && sp <= stack + THREAD_SIZE;
}

bool mnck_helper_task_initiator_name(pid_t pid, u64 start_time, char name[MNCK_SYMBOL_LEN])
{
	struct task_struct *task;
	bool found;

	scoped_guard(rcu) {
		task = find(pid, start_time);
		if (task)
			get_task_struct(task);
	}
	if (!task)
		return false;
	found = mnck_helper_initiator_name(task, name);
	put_task_struct(task);
	return found;
}

static bool (*sweep_once)(void);

static void sweep(struct work_struct *work);
static DECLARE_DELAYED_WORK(sweep_work, sweep);

static void sweep(struct work_struct *work)
{
	if (sweep_once())
		mnck_helper_sweep_queue();
}

void mnck_helper_sweep_init(bool (*once)(void))
{
	sweep_once = once;
}

void mnck_helper_sweep_queue(void)
{
	queue_delayed_work(system_dfl_wq, &sweep_work, HZ);
}

void mnck_helper_sweep_soon(void)
{
	mod_delayed_work(system_dfl_wq, &sweep_work, 0);
}

void mnck_helper_sweep_stop(void)
{
	cancel_delayed_work_sync(&sweep_work);
}
