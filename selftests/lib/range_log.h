/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ranges that subscribers have received, read from the tracepoints of mnck.  Tests
 * use path.h.
 */
#ifndef MNCK_SELFTEST_RANGE_LOG_H
#define MNCK_SELFTEST_RANGE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "device.h"
#include "kselftest.h"

/* Where tests map the memory that they change: aligned for pages of any size. */
#define PATH_AREA ((char *)0x200000000UL)
#define PATH_AREA_SIZE (8UL << 30)

#define PATH_SYMBOL 80

/* A range that a subscriber has received. */
struct seen_range {
	int event;
	unsigned long start;
	unsigned long end;
	bool blockable;
	/* As %pS prints it: function+0x0/0x0. */
	char initiator[PATH_SYMBOL];
	char comm[32];
	pid_t pid;
	bool refused;
	/* The subscriber has received the end, too. */
	bool ended;
	/*
	 * How many ranges of the same task were open when this one began.  Valid for
	 * subscribers that receive ends.
	 */
	unsigned int nesting;
};

#define PATH_SUBSCRIBERS 10

/* What no subscriber of mnck has: for the driver that mnck observes. */
#define PATH_KIND_OBSERVED (~0U)
#define PATH_OBSERVED_SERIAL (~0ULL)

enum path_role {
	/* Each start has its end. */
	PATH_PAIRED,
	/* Starts only, which may be refused. */
	PATH_FALLIBLE,
	/* A start may be refused, and has an end otherwise. */
	PATH_BOTH,
	/* No ranges. */
	PATH_NONE,
	/* As PATH_PAIRED, by a driver that mnck observes: no function of mm is known. */
	PATH_OBSERVED,
};

struct path_subscriber {
	struct subscriber sub;
	__u64 serial;
	enum path_role role;
	/* Since the last path_collect(), in the order of their starts. */
	struct seen_range *ranges;
	size_t n;
	size_t capacity;
};

/* A callback without a range, and the function of mm that has caused it. */
struct path_call {
	char what[16];
	char initiator[PATH_SYMBOL];
	size_t n;
};

/* What becomes of the process. */
enum path_fate {
	PATH_LIVES,
	/*
	 * Its memory is reaped.  If a subscriber refuses the ranges, no interval
	 * subscriber may be attached: Linux 7.3 would never end their ranges, see
	 * sequence.c.
	 */
	PATH_REAPED,
	/* It ends: interval subscribers receive ranges, the others are released. */
	PATH_ENDS,
};

struct path {
	int fd;
	struct subscriber chain;
	enum path_fate fate;
	/* The file with the driver that refuses, or 0. */
	int refuser;
	/* The same with the driver that mnck observes. */
	int observed;
	/* The interval subscribers come last, from index @intervals on. */
	struct path_subscriber subs[PATH_SUBSCRIBERS];
	size_t n;
	size_t intervals;
	/* Since the last path_collect(): each kind of call, and how many there were. */
	struct path_call calls[32];
	size_t nr_calls;
	char wrong[2048];
};

/* The callbacks of the driver that mnck observes, as the tracepoints print them. */
#define PATH_OBSERVED_START "clean_start [notifier_mistakes]"
#define PATH_OBSERVED_END "clean_end [notifier_mistakes]"

/* The names of the events, as the tracepoints print them. */
extern const char * const path_events[MNCK_EVENTS];

/* Records what is wrong, unless something was recorded before. */
__printf(2, 3)
void path_wrong(struct path *p, const char *fmt, ...);

/* Counts a call. */
void path_call(struct path *p, const char *what, const char *initiator);

/* Formats a range; returns @text. */
const char *range_text(char *text, size_t size, const struct seen_range *r);

/* Replaces all ranges and calls by those that were traced since the last time. */
void path_read(struct path *p);

#endif /* MNCK_SELFTEST_RANGE_LOG_H */
