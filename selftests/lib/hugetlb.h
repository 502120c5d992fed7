/* SPDX-License-Identifier: GPL-2.0 */
/*
 * hugetlb: the size of its pool, and memory from it.
 *
 * Functions that return int return 0, or -1 and errno.
 */
#ifndef MNCK_SELFTEST_HUGETLB_H
#define MNCK_SELFTEST_HUGETLB_H

#include <stddef.h>

#include "settings.h"

#define HUGETLB_PAGES "/proc/sys/vm/nr_hugepages"

/* Returns the default size of a page of hugetlb, or 0. */
size_t hugetlb_size(void);

/*
 * Sets the number of pages in the pool.  When the pool is made smaller again, pages
 * that are in use leave it as soon as they are unmapped.
 */
int hugetlb_keep(struct settings *s, long pages);

/* Maps private memory at @start, where nothing may be mapped yet; touches no page. */
int hugetlb_map(void *start, size_t len);

/* The same, and writes 1 to all of it. */
int hugetlb_map_touched(void *start, size_t len);

/* Returns the descriptor of a file in hugetlb, or -1. */
int hugetlb_file(size_t len);

/* Maps all of a file, and reserves no page. */
int hugetlb_map_file(void *start, size_t len, int fd);

#endif /* MNCK_SELFTEST_HUGETLB_H */
