/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the statistics of a subscriber must be.  The assertions that use these
 * functions are in mnck_harness.h.
 */
#ifndef MNCK_SELFTEST_STATS_H
#define MNCK_SELFTEST_STATS_H

#include <stdbool.h>
#include <stddef.h>

#include "mnck_uapi.h"
#include "proc.h"

/* Returns whether a subscriber of @kind receives an end for each start. */
bool mnck_has_ends(__u32 kind);

/*
 * Returns what a subscriber of @kind has counted after @n ranges of @event, @bytes in
 * all, of which the last began at @last and was @len bytes long.  Either all ranges
 * were blockable (MNCK_RANGE_BLOCKABLE in @flags) or none; none is open, and none was
 * refused.
 */
struct mnck_stats saw(__u32 kind, __u64 n, enum mnck_event event, __u32 flags, const void *last,
		      size_t len, __u64 bytes);

/* The same after @n blockable UNMAPs of @len bytes each. */
struct mnck_stats saw_unmaps(__u32 kind, __u64 n, const void *last, size_t len);

/* The same after the memory of a process was reaped @rounds times. */
struct mnck_stats saw_reaps(__u32 kind, const struct reapable *reap, unsigned int rounds);

struct mnck_stats saw_nothing(void);

/* Returns @want if @refusals of the ranges were refused. */
struct mnck_stats refused(struct mnck_stats want, __u64 refusals);

/* Returns @want after a release of the mm, by exit, exec or detach. */
struct mnck_stats released(struct mnck_stats want);

/* Returns @want after a detach, which not every kind of subscriber counts as a release. */
struct mnck_stats detached(__u32 kind, struct mnck_stats want);

/*
 * Checks the invariants of the UAPI header, which hold at any time.  Returns "", or
 * what is broken.
 */
const char *mnck_broken(__u32 kind, const struct mnck_stats *st);

/* Compares all that the kernel counts.  Returns "", or each member that differs. */
const char *mnck_differs(const struct mnck_stats *want, const struct mnck_stats *seen);

#endif /* MNCK_SELFTEST_STATS_H */
