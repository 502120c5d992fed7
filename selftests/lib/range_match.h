/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ranges that a test expects, compared with those that the subscribers of a path
 * have received.
 */
#ifndef MNCK_SELFTEST_RANGE_MATCH_H
#define MNCK_SELFTEST_RANGE_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "kselftest.h"
#include "range_log.h"

/* A range that a test expects. */
struct wanted_range {
	enum mnck_event event;
	unsigned long start;
	size_t len;
	/*
	 * The function that begins it; after a blank each, the functions that the
	 * compiler may have inlined that function into.
	 */
	const char *initiator;
	/* The task; 0 is the test itself.  kernel_thread() finds others. */
	pid_t pid;
	bool non_blockable;
	/* The subscribers that may refuse the range have refused it. */
	bool refused;
};

/* A blockable range in the test itself; other members may follow: .pid = child. */
#define RANGE(_event, _start, _len, _initiator, ...)            \
	((struct wanted_range){                                 \
		.event = MNCK_EVENT_##_event,                   \
		.start = (unsigned long)(_start),               \
		.len = (_len),                                  \
		.initiator = (_initiator),                      \
		##__VA_ARGS__                                   \
	})

bool range_matches(const struct seen_range *seen, const struct wanted_range *want);

/*
 * Returns how many calls of kind @what (flush, young, release) the last path_collect()
 * has found that one of the functions @names has caused.
 */
size_t path_count_calls(const struct path *p, const char *what, const char *names);

/*
 * Collects the ranges.  All subscribers, or if the process ends, the interval subscribers
 * alone, must have received exactly the wanted ranges, in this order or in any.  Returns
 * "", or what is wrong.
 */
const char *path_differs(struct path *p, const struct wanted_range *want, size_t n,
			 bool in_order);

/*
 * The same, in order, for ranges that the kernel may widen or split: each range may be
 * wider than the wanted one, but must stay within @len bytes at @start.  With @parts,
 * further ranges within these bounds may follow, which are otherwise like the last
 * wanted range.
 */
const char *path_differs_within(struct path *p, const void *start, size_t len, bool parts,
				const struct wanted_range *want, size_t n);

/*
 * Returns whether each range from index @from on is a CLEAR within @len bytes at @start,
 * by @initiator.  It is for the ranges after a split, whose number is not certain.
 */
bool rest_is_clear_within(const struct path *p, size_t from, const char *start, size_t len,
			  const char *initiator);

#define EXPECT_RANGES_(_path, _in_order, ...)                   \
	do {                                                    \
		struct wanted_range wants_[] = { __VA_ARGS__ }; \
								\
		EXPECT_STREQ("", path_differs(_path, wants_, ARRAY_SIZE(wants_), _in_order)); \
	} while (0)

/* Exactly these, in this order. */
#define EXPECT_RANGES(_path, ...) EXPECT_RANGES_(_path, true, __VA_ARGS__)
/* Exactly these, in any order. */
#define EXPECT_RANGES_UNORDERED(_path, ...) EXPECT_RANGES_(_path, false, __VA_ARGS__)
#define EXPECT_NO_RANGES(_path) EXPECT_STREQ("", path_differs(_path, NULL, 0, true))

#define EXPECT_WITHIN_(_path, _start, _len, _parts, ...)        \
	do {                                                    \
		struct wanted_range wants_[] = { __VA_ARGS__ }; \
								\
		EXPECT_STREQ("", path_differs_within(_path, _start, _len, _parts, wants_, \
						     ARRAY_SIZE(wants_))); \
	} while (0)

/* These in this order, each of them as wanted or wider, within these bounds. */
#define EXPECT_RANGES_WITHIN(_path, _start, _len, ...)          \
	EXPECT_WITHIN_(_path, _start, _len, false, __VA_ARGS__)

/* The same, and then any parts of the last one that mm repeats. */
#define EXPECT_RANGES_AND_PARTS(_path, _start, _len, ...)       \
	EXPECT_WITHIN_(_path, _start, _len, true, __VA_ARGS__)

#endif /* MNCK_SELFTEST_RANGE_MATCH_H */
