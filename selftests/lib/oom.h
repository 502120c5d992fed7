/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A victim in a memory cgroup that is too small, for the kernel's own oom_reaper.
 *
 * Functions that return int return 0, or -1 and errno, unless they say otherwise.
 */
#ifndef MNCK_SELFTEST_OOM_H
#define MNCK_SELFTEST_OOM_H

#include "proc.h"
#include "victim.h"

struct oom_group {
	int kmsg;
	char path[64];
};

#define CGROUP_ROOT "/sys/fs/cgroup"
#define CGROUP_LIMIT "8388608"

/* What the victim touches: far more than the limit. */
#define OOM_AREA (VICTIM_AREA + (1UL << 30))
#define OOM_SIZE (64UL << 20)

/* The kernel thread that reaps. */
#define OOM_REAPER "oom_reaper"

/* MAX_OOM_REAP_RETRIES of mm/oom_kill.c, HZ/10 apart. */
#define REAPER_TRIES 10

/* Makes the cgroup, and opens the kernel log at its end. */
int oom_make(struct oom_group *group);

/* Removes the cgroup; the victim must be gone. */
int oom_remove(struct oom_group *group);

/* Moves a victim into the cgroup; it will stop in exit. */
int oom_add(struct oom_group *group, const struct victim *v);

/* Starts a victim in the cgroup, still small, that will stop in exit. */
int oom_start(struct oom_group *group, struct victim *v, size_t len);

/* Sends the victim over its limit; returns when it was killed and has stopped in exit. */
int oom_touch(const struct victim *v);

enum reaper_verdict { REAPED, GAVE_UP };

/* Waits until the kernel log has the oom_reaper's verdict, and returns it; or -1. */
int oom_verdict(const struct oom_group *group, const struct victim *v);

#endif /* MNCK_SELFTEST_OOM_H */
