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

/* Returns how many lines of the trace contain @text, or -1. */
int traced(const char *text);

#define EXPECT_TRACED(_n, _format, ...)                                           \
	do {                                                                      \
		char text_[160];                                                  \
										  \
		snprintf(text_, sizeof(text_), _format, ##__VA_ARGS__);           \
		EXPECT_EQ(_n, traced(text_)) TH_LOG("%s", text_);                 \
	} while (0)

#endif /* MNCK_SELFTEST_TRACEFS_H */
