/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tracepoints of mnck in tracefs.
 *
 * Functions that return int return 0, or -1 and errno.
 */
#ifndef MNCK_SELFTEST_TRACEFS_H
#define MNCK_SELFTEST_TRACEFS_H

#include <stdbool.h>

/* The kernel makes this directory if it has tracefs. */
#define TRACEFS "/sys/kernel/tracing"
#define TRACE_FILE TRACEFS "/trace"
/* Exists while mnck is loaded. */
#define TRACE_EVENTS TRACEFS "/events/mnck"

/* Mounts tracefs, unless it is mounted. */
int tracefs_mount(void);

/* Empties the trace buffer. */
int tracing_clear(void);

/* Empties the trace buffer, and enables the tracepoints. */
int tracing_on(void);

int tracing_off(void);

#endif /* MNCK_SELFTEST_TRACEFS_H */
