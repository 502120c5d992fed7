/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A path of mm that invalidates, and what each kind of subscriber receives on it.
 *
 * Subscribers of all kinds are attached to the same process: a paired one, a fallible
 * one, a shared one, an interval in one pass and one in two, a chain with members of two
 * kinds, a secondary TLB, and one that ages.  What each receives is read from the
 * tracepoints, range by range: the event, the range, whether it may block, the task, and
 * the function of mm that has begun it.  All must have received the same.
 *
 * One more is a driver of drivers/notifier_mistakes, which mnck observes.  What mnck sees of its
 * callbacks must be the same too, without the function of mm.
 *
 * A test has PATH_AREA for itself: the ranges that it expects are all that may come
 * there.  Ranges elsewhere do not count: the process may copy its stack after a fork,
 * for example.
 *
 * With MNCK_REFUSING in the environment, a test that attaches them to itself also has a driver
 * that refuses each non-blockable range.
 *
 * Functions that return int return 0, or -1 and errno.  Functions that return a string
 * return "", or what is wrong.
 */
#ifndef MNCK_SELFTEST_PATH_H
#define MNCK_SELFTEST_PATH_H

#include "child.h"
#include "initiators.h"
#include "mapping.h"
#include "memory.h"
#include "option.h"
#include "range_log.h"
#include "range_match.h"

/* Returns whether MNCK_REFUSING is set. */
bool path_refusing(void);

/* Attaches all kinds of subscribers to a process (0: the caller), and starts the trace. */
int path_attach(struct path *p, pid_t pid, enum path_fate fate);

/*
 * Maps @len bytes of touched small pages at PATH_AREA, which the process shares with no
 * other, and attaches all kinds of subscribers to it.
 */
int path_attach_area(struct path *p, size_t len);

/* Returns the only subscriber of @kind outside the chain, or NULL. */
const struct subscriber *path_find_kind(const struct path *p, __u32 kind);

/* Returns the subscriber with which subscriber @i must agree. */
struct path_subscriber *path_reference(struct path *p, size_t i);

/* Reads the ranges since the last time, and compares the subscribers with each other. */
void path_collect(struct path *p);

/* Prints the ranges that a subscriber has received, for a failure. */
void path_print_ranges(const struct path_subscriber *s);

/*
 * Has mnck observe no driver from here on: for what it would report as a bug of core mm.  See
 * ../observe/core_bugs.c, which wants that.
 */
int path_unwatch(struct path *p);

/*
 * Detaches all; no subscriber may have broken a rule.  Does nothing if nothing was
 * attached, so that a teardown can call it always.
 */
const char *path_close(struct path *p);

#define PATH_ATTACH_TO(_path, _pid, _fate)                      \
	do {                                                    \
		REQUIRE_OPTION(has_event_tracing(), "EVENT_TRACING"); \
		ASSERT_EQ(0, path_attach(_path, _pid, _fate));  \
	} while (0)
#define PATH_ATTACH(_path) PATH_ATTACH_TO(_path, 0, PATH_LIVES)

#define PATH_ATTACH_AREA(_path, _len)                           \
	do {                                                    \
		REQUIRE_OPTION(has_event_tracing(), "EVENT_TRACING"); \
		ASSERT_EQ(0, path_attach_area(_path, _len));    \
	} while (0)

#endif /* MNCK_SELFTEST_PATH_H */
