/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Transparent huge pages of this process.
 */
#ifndef MNCK_SELFTEST_HUGE_H
#define MNCK_SELFTEST_HUGE_H

#include <stdbool.h>
#include <stdint.h>

#include "path.h"
#include "scan.h"
#include "settings.h"

#define THP "/sys/kernel/mm/transparent_hugepage/"
#define THP_NEEDS "no " THP ": CONFIG_TRANSPARENT_HUGEPAGE?"

/* How much a PMD maps, or 0. */
static inline size_t huge_size(void)
{
	long size = setting_number(THP "hpage_pmd_size");

	return size > 0 ? size : 0;
}

/* Is all of this mapped by PMDs? */
static inline bool huge_mapped(const char *start, size_t len)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	struct page_region found = {};
	bool huge = fd >= 0 &&
		    scan_pages(fd, start, len, PAGE_IS_HUGE, 0, &found, 1) == 1 &&
		    found.start == (uintptr_t)start && found.end == (uintptr_t)start + len;

	if (fd >= 0)
		close(fd);
	return huge;
}

/* Huge pages at @start, of private anonymous memory, where nothing is. */
static inline int huge_map(char *start, size_t len)
{
	return map_pages(start, len) || madvise(start, len, MADV_COLLAPSE) ||
	       !huge_mapped(start, len) ? -1 : 0;
}

/*
 * For what follows a split, and is only in part for certain: behind the first @from
 * ranges that were told are none but CLEAR of some of this, by @initiator.
 */
static inline bool rest_is_clear_within(const struct path *p, size_t from, const char *start,
					size_t len, const char *initiator)
{
	for (size_t k = from; k < p->subs[0].n; k++) {
		const struct seen_range *t = &p->subs[0].ranges[k];
		struct wanted_range same = RANGE(CLEAR, t->start, t->end - t->start, initiator);

		if (!range_matches(t, &same) || t->start < (unsigned long)start ||
		    t->end > (unsigned long)start + len)
			return false;
	}
	return true;
}

#endif /* MNCK_SELFTEST_HUGE_H */
