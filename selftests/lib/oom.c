// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "kmsg.h"
#include "kselftest.h"
#include "oom.h"

/* Writes to a file of a cgroup. */
static int cgroup_write(const char *dir, const char *file, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return file_write(path, text);
}

int oom_make(struct oom_group *group)
{
	*group = (struct oom_group){ .kmsg = -1 };
	if (cgroup_write(CGROUP_ROOT, "cgroup.subtree_control", "+memory"))
		return -1;
	snprintf(group->path, sizeof(group->path), CGROUP_ROOT "/mnck-%d", getpid());
	if (mkdir(group->path, 0755) || cgroup_write(group->path, "memory.max", CGROUP_LIMIT))
		return -1;
	/* The file does not exist without swap. */
	if (cgroup_write(group->path, "memory.swap.max", "0") && errno != ENOENT)
		return -1;
	group->kmsg = kmsg_open(0);
	return group->kmsg < 0 ? -1 : 0;
}

int oom_remove(struct oom_group *group)
{
	if (group->kmsg >= 0)
		close(group->kmsg);
	return group->path[0] ? rmdir(group->path) : 0;
}

int oom_add(struct oom_group *group, const struct victim *v)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", v->pid);
	return victim_trace_exit(v) || cgroup_write(group->path, "cgroup.procs", pid) ? -1 : 0;
}

int oom_start(struct oom_group *group, struct victim *v, size_t len)
{
	return victim_start(v, len) || oom_add(group, v) ? -1 : 0;
}

int oom_touch(const struct victim *v)
{
	return victim_send(v, VICTIM_MAP_TOUCH, OOM_AREA, OOM_SIZE) || victim_wait_exit_stop(v) ?
	       -1 : 0;
}

int oom_verdict(const struct oom_group *group, const struct victim *v)
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
