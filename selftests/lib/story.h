/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the two programs of `make run`, story and chain_story, have in common.
 *
 * Each prints what the kernel did, and compares that with what the story says.  A
 * difference is printed as UNEXPECTED, and makes the program and `make run` fail.
 */
#ifndef MNCK_SELFTEST_STORY_H
#define MNCK_SELFTEST_STORY_H

#include <stdbool.h>

#include "device.h"
#include "kselftest.h"
#include "victim.h"
#include "violation.h"

/* Both are whole huge pages, so the munmap splits none, which would be another event. */
#define AREA_SIZE (16UL << 20)
#define UNMAP_SIZE (4UL << 20)

/* Prints a difference from what the story says. */
__printf(1, 2)
void unexpected(const char *fmt, ...);

/* Returns whether unexpected() was called. */
bool was_unexpected(void);

/* A driver that is subscribed to the process, with its statistics at two moments. */
struct driver {
	struct subscriber sub;
	struct mnck_stats before;
	struct mnck_stats now;
};

/* What a step of the story adds to the statistics of a driver, and the pairs open after it. */
struct counts {
	__u64 starts;
	__u64 ends;
	__u64 refusals;
	__u64 open;
};

/* Returns what was added since the last call. */
struct counts look(struct driver *driver);

void check_counts(const char *step, const char *name, struct counts got, struct counts want);

/* Checks that the driver broke @rule this many @times, and no other rule. */
void check_rules(const char *name, const struct driver *driver, enum mnck_rule rule, __u64 times);

/*
 * Prints the line that mnck logged.  Checks that it is the only one and contains @text
 * and, unless @violation is NULL, its range, initiator and task; or that there is no line,
 * if @text is NULL.
 */
void print_log(int kmsg, const char *text, const struct violation *violation);

/* Starts a process with AREA_SIZE bytes of memory, which will stop in its exit. */
void start_process(struct victim *victim);

/* Lets the process exit, and checks that it was killed by SIGKILL. */
void end_process(struct victim *victim);

#endif /* MNCK_SELFTEST_STORY_H */
