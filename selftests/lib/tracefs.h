/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tracepoints of mnck, as tracefs has them.
 *
 * As in mnck_utils.h, what returns int returns 0, or -1 and errno.
 */
#ifndef MNCK_SELFTEST_TRACEFS_H
#define MNCK_SELFTEST_TRACEFS_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

#include "file.h"

/* There if the kernel has tracefs. */
#define TRACEFS "/sys/kernel/tracing"
#define TRACE_FILE TRACEFS "/trace"
#define TRACE_EVENTS TRACEFS "/events/mnck"

/* What a test says that can't have it. */
#define TRACEFS_NEEDS "no " TRACE_EVENTS ": CONFIG_EVENT_TRACING, CONFIG_TRACEPOINTS?"

/* Mounts tracefs, unless it is mounted. */
static inline int tracefs_mount(void)
{
	if (!access(TRACE_EVENTS, F_OK))
		return 0;
	if (mount("tracefs", TRACEFS, "tracefs", 0, NULL) && errno != EBUSY)
		return -1;
	return access(TRACE_EVENTS, F_OK);
}

/* Forgets what was traced. */
static inline int tracing_clear(void)
{
	int fd = open(TRACE_FILE, O_WRONLY | O_TRUNC | O_CLOEXEC);

	return fd < 0 ? -1 : close(fd);
}

/* From here on, and nothing of what was before. */
static inline int tracing_on(void)
{
	return tracing_clear() || file_write(TRACE_EVENTS "/enable", "1") ? -1 : 0;
}

static inline int tracing_off(void)
{
	return file_write(TRACE_EVENTS "/enable", "0");
}

#endif /* MNCK_SELFTEST_TRACEFS_H */
