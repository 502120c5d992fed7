/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ranges that the kernel may widen or split: what of them is certain.
 */
#ifndef MNCK_SELFTEST_WITHIN_H
#define MNCK_SELFTEST_WITHIN_H

#include "path.h"

/*
 * As path_differs(), in order, but each range may be wider than what is wanted, so
 * long as it stays within @len bytes at @start.  With @parts further ranges may
 * follow, like the last that is wanted, of anything within.
 */
static inline const char *path_differs_within(struct path *p, const void *start, size_t len,
					      bool parts, const struct wanted_range *want,
					      size_t n)
{
	const struct path_subscriber *first = &p->subs[0];
	const unsigned long lo = (unsigned long)start, hi = lo + len;
	char text[256];

	path_collect(p);
	if (first->n < n || (first->n > n && !parts))
		path_wrong(p, "told of %zu ranges, wanted %zu", first->n, n);
	for (size_t k = 0; k < first->n && !p->wrong[0]; k++) {
		const struct wanted_range *w = &want[k < n ? k : n - 1];
		struct seen_range told = first->ranges[k];

		if (told.start < lo || told.end > hi)
			path_wrong(p, "leaves %#lx-%#lx: %s", lo, hi,
				   range_text(text, sizeof(text), &told));
		if (k >= n || (told.start <= w->start && told.end >= w->start + w->len)) {
			told.start = w->start;
			told.end = w->start + w->len;
		}
		wanted_text(text, sizeof(text), w);
		if (!range_matches(&told, w))
			path_wrong(p, "not told, or not in its turn: %s", text);
		if (told.refused)
			path_wrong(p, "has refused: %s", text);
	}
	if (p->wrong[0])
		path_print_ranges(first);
	return p->wrong;
}

#define EXPECT_WITHIN_(_path, _start, _len, _parts, ...)        \
	do {                                                    \
		struct wanted_range wants_[] = { __VA_ARGS__ }; \
								\
		EXPECT_STREQ("", path_differs_within(_path, _start, _len, _parts, wants_, \
						     ARRAY_SIZE(wants_))); \
	} while (0)

/* These in this order, each of them or more, up to what is within these bounds. */
#define EXPECT_RANGES_WITHIN(_path, _start, _len, ...)          \
	EXPECT_WITHIN_(_path, _start, _len, false, __VA_ARGS__)

/* This at first, and then any parts of it that mm may come back to. */
#define EXPECT_RANGES_AND_PARTS(_path, _start, _len, ...)       \
	EXPECT_WITHIN_(_path, _start, _len, true, __VA_ARGS__)

#endif /* MNCK_SELFTEST_WITHIN_H */
