/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's own oom_reaper, sent to a memory cgroup that is too small.
 */
#ifndef MNCK_SELFTEST_OOM_H
#define MNCK_SELFTEST_OOM_H

#include <sys/stat.h>

#include "proc.h"
#include "victim.h"

struct oom_group {
	int kmsg;
	char path[64];
};

#define CGROUP_ROOT "/sys/fs/cgroup"
#define CGROUP_LIMIT "8388608"

/* What the victim touches, far more than the limit. */
#define OOM_AREA (VICTIM_AREA + (1UL << 30))
#define OOM_SIZE (64UL << 20)

/* The kernel thread that reaps. */
#define OOM_REAPER "oom_reaper"

/* MAX_OOM_REAP_RETRIES of mm/oom_kill.c, HZ/10 apart. */
#define REAPER_TRIES 10

static inline int oom_write_file(const char *dir, const char *file, const char *text)
{
	ssize_t len = strlen(text), n;
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = write(fd, text, len);
	close(fd);
	return n == len ? 0 : -1;
}

static inline bool oom_can_be(void)
{
	char controllers[256];

	proc_read(controllers, sizeof(controllers), CGROUP_ROOT "/cgroup.controllers");
	return strstr(controllers, "memory");
}

/* Makes the cgroup, and listens to the kernel log from here on. */
static inline int oom_make(struct oom_group *group)
{
	*group = (struct oom_group){ .kmsg = -1 };
	if (oom_write_file(CGROUP_ROOT, "cgroup.subtree_control", "+memory"))
		return -1;
	snprintf(group->path, sizeof(group->path), CGROUP_ROOT "/mnck-%d", getpid());
	if (mkdir(group->path, 0755) || oom_write_file(group->path, "memory.max", CGROUP_LIMIT))
		return -1;
	/* Absent without swap, and then it cannot be needed. */
	if (oom_write_file(group->path, "memory.swap.max", "0") && errno != ENOENT)
		return -1;
	group->kmsg = kmsg_open(0);
	return group->kmsg < 0 ? -1 : 0;
}

/* When the victim is gone. */
static inline int oom_remove(struct oom_group *group)
{
	if (group->kmsg >= 0)
		close(group->kmsg);
	return group->path[0] ? rmdir(group->path) : 0;
}

/* A victim in the cgroup, which stops in exit; it is small still. */
static inline int oom_start(struct oom_group *group, struct victim *v, size_t len)
{
	char pid[16];

	if (victim_start(v, len) || victim_trace_exit(v))
		return -1;
	snprintf(pid, sizeof(pid), "%d", v->pid);
	return oom_write_file(group->path, "cgroup.procs", pid);
}

/* Sends the victim over its limit; returns when it was killed and has stopped in exit. */
static inline int oom_touch(const struct victim *v)
{
	return victim_send(v, VICTIM_MAP_TOUCH, OOM_AREA, OOM_SIZE) || victim_wait_exit_stop(v) ?
	       -1 : 0;
}

enum reaper_verdict { REAPED, GAVE_UP };

/* What the oom_reaper said in the end, in the kernel log; or -1. */
static inline int oom_verdict(const struct oom_group *group, const struct victim *v)
{
	char reaped[64], gave_up[64], record[4096];
	const char * const texts[] = {
		[REAPED] = reaped,
		[GAVE_UP] = gave_up,
	};

	snprintf(reaped, sizeof(reaped), "oom_reaper: reaped process %d ", v->pid);
	snprintf(gave_up, sizeof(gave_up), "oom_reaper: unable to reap pid:%d ", v->pid);
	return kmsg_find(group->kmsg, texts, ARRAY_SIZE(texts), record, sizeof(record));
}

#endif /* MNCK_SELFTEST_OOM_H */
