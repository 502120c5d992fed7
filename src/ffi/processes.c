// SPDX-License-Identifier: GPL-2.0
/*
 * The processes of the machine that fork, execute a program, or are reaped: see
 * processes.rs.
 */
#include <linux/array_size.h>
#include <linux/binfmts.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/mm_types.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/exec_state.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <trace/events/sched.h>

#include "helpers.h"

int mnck_helper_owner_of(const struct mm_struct *mm)
{
#ifdef CONFIG_MEMCG
	const struct task_struct *owner;

	guard(rcu)();
	owner = rcu_dereference(mm->owner);
	return owner ? owner->tgid : 0;
#else
	return 0;
#endif
}

#ifdef CONFIG_TRACEPOINTS
static void (*tell_forked)(unsigned long parent, unsigned long child, unsigned long mm);
static void (*tell_executed)(unsigned long process, unsigned long mm, bool is_secret);
static void (*tell_reaped)(unsigned long process);

/* Runs before the child does. */
static void probe_fork(void *data, struct task_struct *parent, struct task_struct *child)
{
	/* A thread. */
	if (child->signal == parent->signal)
		return;
	tell_forked((unsigned long)parent->mm, (unsigned long)child->signal,
		    (unsigned long)child->mm);
}

static bool is_dumpable(const struct task_struct *task)
{
	guard(rcu)();
	return READ_ONCE(rcu_dereference(task->exec_state)->dumpable) == TASK_DUMPABLE_OWNER;
}

/* Runs in the task, which has its new mm and its new ids. */
static void probe_exec(void *data, struct task_struct *task, pid_t old_pid,
		       struct linux_binprm *bprm)
{
	tell_executed((unsigned long)task->signal, (unsigned long)task->mm,
		      bprm->secureexec || !is_dumpable(task));
}

/* Runs when a thread is freed, the first thread of a process as the last of them. */
static void probe_free(void *data, struct task_struct *task)
{
	if (thread_group_leader(task))
		tell_reaped((unsigned long)task->signal);
}

static struct {
	const char *name;
	void *probe;
	/* The tracepoint that it is registered with, or NULL. */
	struct tracepoint *at;
} probes[] = {
	{ "sched_process_fork", probe_fork },
	{ "sched_process_exec", probe_exec },
	{ "sched_process_free", probe_free },
};

/* The tracepoints are not exported, but for_each_kernel_tracepoint() finds them. */
static void register_at(struct tracepoint *tracepoint, void *first_error)
{
	int *error = first_error;

	for (size_t i = 0; i < ARRAY_SIZE(probes); i++) {
		if (*error || strcmp(tracepoint->name, probes[i].name))
			continue;
		*error = tracepoint_probe_register(tracepoint, probes[i].probe, NULL);
		if (!*error)
			probes[i].at = tracepoint;
	}
}

int mnck_helper_processes_follow(void (*forked)(unsigned long parent, unsigned long child,
						unsigned long mm),
				 void (*executed)(unsigned long process, unsigned long mm,
						  bool is_secret),
				 void (*reaped)(unsigned long process))
{
	int error = 0;

	/* These do nothing, but the compiler checks the types. */
	check_trace_callback_type_sched_process_fork(probe_fork);
	check_trace_callback_type_sched_process_exec(probe_exec);
	check_trace_callback_type_sched_process_free(probe_free);

	tell_forked = forked;
	tell_executed = executed;
	tell_reaped = reaped;
	for_each_kernel_tracepoint(register_at, &error);
	for (size_t i = 0; i < ARRAY_SIZE(probes); i++) {
		if (!probes[i].at && !error)
			error = -EOPNOTSUPP;
	}
	if (error)
		mnck_helper_processes_leave();
	return error;
}

void mnck_helper_processes_leave(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(probes); i++) {
		if (probes[i].at)
			tracepoint_probe_unregister(probes[i].at, probes[i].probe, NULL);
		probes[i].at = NULL;
	}
	tracepoint_synchronize_unregister();
}
#else
int mnck_helper_processes_follow(void (*forked)(unsigned long parent, unsigned long child,
						unsigned long mm),
				 void (*executed)(unsigned long process, unsigned long mm,
						  bool is_secret),
				 void (*reaped)(unsigned long process))
{
	return -EOPNOTSUPP;
}

void mnck_helper_processes_leave(void)
{
}
#endif
