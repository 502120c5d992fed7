/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Seeing who might sleep, though this time he did not: who takes a lock that
 * could be taken, or allocates memory of which there could be none.
 *
 * The kernel's tracepoints tell, if it has them: lock_acquire, which needs
 * lockdep, kmalloc and kmem_cache_alloc.  All work and none has a cost worth
 * mention while nobody is in a section of code that is watched.
 */
#ifndef MNCK_PROBES_H
#define MNCK_PROBES_H

#include <linux/types.h>

#define MNCK_PROBE_NAME 64

/* What the current task did in a section of code; empty names: nothing. */
struct mnck_probe_might_sleep {
	/* The first lock that it would have slept for, and where it took it. */
	char lock[MNCK_PROBE_NAME];
	char locked_in[MNCK_PROBE_NAME];
	/* Where it first allocated memory with direct reclaim. */
	char allocated_in[MNCK_PROBE_NAME];
};

/* May sleep. */
void mnck_probe_register(void);
/* Sleeps until no probe runs. */
void mnck_probe_unregister(void);

/*
 * From here on the current task is watched, until the end of the section. They
 * nest, and what is done is due to the innermost. Returns its number, or -1 if
 * there is no room for more, and it is not watched.
 */
int mnck_probe_begin(void);
/* The end of the section, in the same task: whether it did anything, and what. */
bool mnck_probe_end(int section, struct mnck_probe_might_sleep *found);

#endif /* MNCK_PROBES_H */
