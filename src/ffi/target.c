// SPDX-License-Identifier: GPL-2.0
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/exec_state.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>

#include "helpers.h"

static bool may_trace(const struct file *file, struct user_namespace *ns)
{
	return file_ns_capable(file, ns, CAP_SYS_PTRACE);
}

/*
 * Returns whether the opener of @file has the same user and group as @task, or may trace
 * all users in the task's user namespace.
 */
static bool has_ids_of(const struct file *file, struct task_struct *task)
{
	const struct cred *opener = file->f_cred, *target;

	guard(rcu)();
	target = __task_cred(task);
	return (uid_eq(opener->fsuid, target->euid) &&
		uid_eq(opener->fsuid, target->suid) &&
		uid_eq(opener->fsuid, target->uid) &&
		gid_eq(opener->fsgid, target->egid) &&
		gid_eq(opener->fsgid, target->sgid) &&
		gid_eq(opener->fsgid, target->gid)) ||
	       may_trace(file, target->user_ns);
}

/*
 * Returns whether @task is dumpable: its program can be read by its user, and the task has
 * not changed its ids since it has executed the program.  Else it may have secrets that
 * its user must not see.
 */
static bool is_dumpable(const struct file *file, struct task_struct *task)
{
	const struct task_exec_state *state;

	guard(rcu)();
	state = rcu_dereference(task->exec_state);
	return READ_ONCE(state->dumpable) == TASK_DUMPABLE_OWNER ||
	       may_trace(file, state->user_ns);
}

/*
 * This is __ptrace_may_access(), which is not exported, with PTRACE_MODE_ATTACH_FSCREDS
 * and the opener of @file as the caller.  It lacks security_ptrace_access_check(), which
 * is not exported either.
 */
static bool may_access(const struct file *file, struct task_struct *task)
{
	if (!has_ids_of(file, task))
		return false;
	/*
	 * A task that gives up privileges becomes non-dumpable before it gets its new
	 * ids.  Pairs with the write barrier in commit_creds().
	 */
	smp_rmb();
	return is_dumpable(file, task);
}

/* This is mm_access(), which is not exported, with another check. */
struct mm_struct *mnck_helper_access_mm(const struct file *file, struct task_struct *task)
{
	/*
	 * An exec changes the mm, the ids and the dumpability under this lock, so all of
	 * them are of the same program.
	 */
	struct rw_semaphore *exec = &task->signal->exec_update_lock;
	struct mm_struct *mm;

	if (down_read_killable(exec))
		return ERR_PTR(-EINTR);

	mm = get_task_mm(task);
	if (!mm) {
		mm = ERR_PTR(-ESRCH);
	} else if (mm != current->mm && !may_access(file, task)) {
		mmput(mm);
		mm = ERR_PTR(-EPERM);
	}
	up_read(exec);
	return mm;
}
