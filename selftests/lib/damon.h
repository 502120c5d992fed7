/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DAMON through sysfs: see Documentation/admin-guide/mm/damon/usage.rst.
 */
#ifndef MNCK_SELFTEST_DAMON_H
#define MNCK_SELFTEST_DAMON_H

#include <stddef.h>

#define DAMON_NEEDS "can't write %s: %m; CONFIG_DAMON_VADDR?"

/*
 * Starts one kdamond, which looks at one page of the calling process and at nothing
 * else.  Stops DAMON_STAT, which admits no other user of DAMON.  Returns NULL, or the file
 * that can't be written.
 */
const char *damon_start(const char *page, size_t len);

/* Stops the kdamond, if there is one, and restores DAMON_STAT. */
void damon_stop(void);

#endif /* MNCK_SELFTEST_DAMON_H */
