/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Probes that see what a task might have slept for, even if it did not sleep: a lock
 * that was free, or an allocation that did not have to reclaim memory.
 *
 * The probes use the kernel's tracepoints, if it has them: lock_acquire (which needs
 * lockdep), kmalloc and kmem_cache_alloc.  They run for all tasks, but return at once
 * while no task is in a watched section.
 */
#ifndef MNCK_PROBES_H
#define MNCK_PROBES_H

#include <linux/types.h>

#define MNCK_PROBE_NAME 64

/* What the current task might have slept for in a section.  An empty name: nothing. */
struct mnck_probe_might_sleep {
	/* The first lock that it would have slept for, and the function that took it. */
	char lock[MNCK_PROBE_NAME];
	char locked_in[MNCK_PROBE_NAME];
	/* The first function that allocated memory with direct reclaim. */
	char allocated_in[MNCK_PROBE_NAME];
};

/*
 * Registers the probes, which are not registered, perhaps again.  Only sections that begin
 * afterwards are watched.  May sleep.
 */
void mnck_probe_register(void);
/* Unregisters the probes: ends all watching.  Sleeps until no probe runs. */
void mnck_probe_unregister(void);

/*
 * Begins a section in which the current task is watched.  Sections nest, and what the
 * task does is recorded in the innermost.  Returns the number of the section, or -1 if
 * the probes are not registered or too many sections are in use.
 */
int mnck_probe_begin(void);
/*
 * Ends a section, in the task that has begun it.  Returns whether the task might have
 * slept in it, and if so, writes for what.
 */
bool mnck_probe_end(int section, struct mnck_probe_might_sleep *found);

#endif /* MNCK_PROBES_H */
