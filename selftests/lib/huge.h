/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Transparent huge pages of the calling process.
 */
#ifndef MNCK_SELFTEST_HUGE_H
#define MNCK_SELFTEST_HUGE_H

#include <stdbool.h>
#include <stddef.h>

#include "settings.h"

#define THP "/sys/kernel/mm/transparent_hugepage/"

/* Returns the size of the huge page that a PMD maps, or 0. */
size_t huge_size(void);

/*
 * Sets transparent huge pages to "never", so that MADV_COLLAPSE alone makes some, and
 * khugepaged does nothing.  Returns the size of a huge page, or 0.
 */
size_t huge_on_request(struct settings *s);

/* Returns whether PMDs map all of a range. */
bool huge_mapped(const char *start, size_t len);

/* Maps huge pages of private anonymous memory at @start.  Returns 0 or -1. */
int huge_map(char *start, size_t len);

#endif /* MNCK_SELFTEST_HUGE_H */
