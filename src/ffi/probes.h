/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Probes that see what a task might have slept for, even if it did not sleep: a lock
 * that was free, an allocation that did not have to reclaim memory, or a schedule() in
 * a state in which the task goes on to run.
 *
 * On a PREEMPT_RT kernel a probe also counts the sleeps.  There the task's voluntary
 * context switches do not tell them: a wait for a contended spin lock is one too.
 *
 * The probes use the kernel's tracepoints, if it has them: sched_switch and, for what
 * might have slept, lock_acquire (which needs lockdep), sched_entry_tp, kmalloc and
 * kmem_cache_alloc.  They run for all tasks, but return at once while no task is in a
 * watched section.
 */
#ifndef MNCK_PROBES_H
#define MNCK_PROBES_H

#include <linux/types.h>

#define MNCK_PROBE_NAME 64

/* What the current task might have slept for in a section.  An empty name is nothing. */
struct mnck_probe_might_sleep {
	/* The first lock that it would have slept for, and the function that took it. */
	char lock[MNCK_PROBE_NAME];
	char locked_in[MNCK_PROBE_NAME];
	/* It has called schedule(), perhaps without sleeping. */
	bool scheduled;
	/* The first function that allocated memory with direct reclaim. */
	char allocated_in[MNCK_PROBE_NAME];
};

/*
 * Registers the probes for what might have slept, which are not registered, perhaps again.
 * They record only in sections that begin afterwards.  May sleep.
 */
void mnck_probe_register(void);
/* Unregisters them.  Sleeps until none runs. */
void mnck_probe_unregister(void);

/*
 * Registers the probe that counts sleeps, if the kernel is PREEMPT_RT, before the first
 * section begins.  Logs it if there is no such probe.  May sleep.
 */
void mnck_probe_register_sleeps(void);
/* Unregisters it, after the last section has ended.  Sleeps until it does not run. */
void mnck_probe_unregister_sleeps(void);

/* What the current task did in a section, with 0 for what it did not do. */
struct mnck_probe_seen {
	/* How often it slept.  0 unless the kernel is PREEMPT_RT. */
	unsigned long sleeps;
	/* It has called schedule(), perhaps without sleeping. */
	bool scheduled;
	/* Where it first took a lock that it would have slept for. */
	unsigned long locked_in;
	/* Where it first allocated memory with direct reclaim. */
	unsigned long allocated_in;
};

/*
 * Begins a section in which the current task is watched.  Sections nest, and what the
 * task does is recorded in the innermost.  @observed says that the task may never end
 * the section.  Returns the number of the section, or -1 if
 * no probe is registered or too many sections are in use.
 */
int mnck_probe_begin(bool observed);

/*
 * Ends a section that was begun with @observed set, in the task that has begun it.  Any
 * number that is not that of such a section does no harm.
 */
struct mnck_probe_seen mnck_probe_end_observed(int section);
/* Ends the sections that were begun with @observed set, when no task will end them. */
void mnck_probe_forget_observed(void);
/*
 * Ends a section, in the task that has begun it.  Writes how often the task slept in it,
 * which is 0 unless the kernel is PREEMPT_RT.  Returns whether the task might have slept,
 * and if so, writes for what.
 */
bool mnck_probe_end(int section, unsigned long *sleeps, struct mnck_probe_might_sleep *found);

#endif /* MNCK_PROBES_H */
