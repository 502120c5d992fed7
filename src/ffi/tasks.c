// SPDX-License-Identifier: GPL-2.0
/*
 * Questions about tasks of which only the id and the address are known, and the work item
 * that asks them.
 */
#include <linux/cleanup.h>
#include <linux/hash.h>
#include <linux/irq_work.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/ptrace.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/sched/task_stack.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#include "helpers.h"

/*
 * Returns the task with this id and address, with RCU held, or NULL if it has exited.  A
 * thread that executes another program gets the id of its process: it is then taken for
 * one that has exited, which holds for what it did before.
 */
static struct task_struct *find(pid_t pid, u64 key)
{
	struct task_struct *task = pid_task(find_pid_ns(pid, &init_pid_ns), PIDTYPE_PID);

	/* A zombie has no mm, and calls no callback any more. */
	if (!task || (unsigned long)task != key || READ_ONCE(task->exit_state))
		return NULL;
	return task;
}

bool mnck_helper_task_waits_for_cpu(pid_t pid, u64 key)
{
	struct task_struct *task;

	guard(rcu)();
	task = find(pid, key);
	return task && task_is_running(task) && !READ_ONCE(task->on_cpu);
}

bool mnck_helper_task_has_exited(pid_t pid, u64 key)
{
	guard(rcu)();
	return !find(pid, key);
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

#define ENTRY_BITS 30

/*
 * Returns a hash of what a user task has in its registers where it entered the kernel.  A
 * task that has another hash than before has returned to user space in between.
 */
static u32 hash_entry(const struct pt_regs *regs)
{
#if defined(CONFIG_X86_64)
	return hash_64(regs->ip + (regs->orig_ax << 48) + (regs->di << 20), ENTRY_BITS);
#elif defined(CONFIG_ARM64)
	return hash_64(regs->pc + ((u64)regs->syscallno << 48) + (regs->orig_x0 << 20), ENTRY_BITS);
#endif
}

u32 mnck_helper_current_entry(void)
{
	return is_user_task(current) ? hash_entry(task_pt_regs(current)) : 0;
}

bool mnck_helper_task_has_left(pid_t pid, u64 key, unsigned long address, u32 entry)
{
	unsigned long switches, stack, sp;
	struct task_struct *task;
	struct pt_regs regs;
	bool reentered;

	guard(rcu)();
	task = find(pid, key);
	if (!task)
		return false;

	/*
	 * A task that does not run has saved its stack pointer when it stopped, and its
	 * registers when it entered the kernel.  A task that runs has on_cpu set, and one
	 * that has run in between has counted a switch.  So has one that has exited; its stack
	 * may be gone while it is read here.
	 */
	switches = READ_ONCE(task->nvcsw) + READ_ONCE(task->nivcsw);
	/* Pairs with the release in finish_task(): what was saved before is seen. */
	if (smp_load_acquire(&task->on_cpu))
		return false;
	sp = saved_stack_pointer(task);
	stack = (unsigned long)READ_ONCE(task->stack);
	reentered = is_user_task(task) && stack &&
		    !copy_from_kernel_nofault(&regs, task_pt_regs(task), sizeof(regs)) &&
		    hash_entry(&regs) != entry;
	/* The second look comes after all this was read. */
	smp_rmb();
	if (READ_ONCE(task->on_cpu) ||
	    READ_ONCE(task->nvcsw) + READ_ONCE(task->nivcsw) != switches)
		return false;

	/* What is not on the stack of the task says nothing. */
	if (address < stack || address >= stack + THREAD_SIZE)
		return false;
	return address < sp || reentered;
}

bool mnck_helper_task_initiator_name(pid_t pid, u64 key, char name[MNCK_SYMBOL_LEN])
{
	struct task_struct *task;
	bool found;

	scoped_guard(rcu) {
		task = find(pid, key);
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

/* A work item can't be queued in a kprobe, which is like a non-maskable interrupt. */
static void queue_soon(struct irq_work *work)
{
	mod_delayed_work(system_dfl_wq, &sweep_work, 0);
}

static DEFINE_IRQ_WORK(sweep_soon, queue_soon);

void mnck_helper_sweep_soon(void)
{
	static unsigned long last;
	unsigned long now = jiffies;

	/* A ledger that is full asks for a sweep at each call: once a tick is enough. */
	if (READ_ONCE(last) == now)
		return;
	WRITE_ONCE(last, now);
	irq_work_queue(&sweep_soon);
}

void mnck_helper_sweep_finish(void)
{
	mod_delayed_work(system_dfl_wq, &sweep_work, 0);
	flush_delayed_work(&sweep_work);
}

void mnck_helper_sweep_stop(void)
{
	irq_work_sync(&sweep_soon);
	cancel_delayed_work_sync(&sweep_work);
}
