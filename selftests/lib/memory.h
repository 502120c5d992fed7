/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory of the calling process.  All functions return 0, or -1 and errno.
 */
#ifndef MNCK_SELFTEST_MEMORY_H
#define MNCK_SELFTEST_MEMORY_H

#include <stddef.h>
#include <sys/mman.h>

/* MADV_COLLAPSE, which glibc has since 2.37. */
#include <linux/mman.h>

/*
 * Gives the process pages of its own behind each private writable mapping that it has:
 * mlock() breaks copy-on-write for all of them.
 *
 * A forked process shares its pages with its parent, and the first write to each page
 * is an invalidation (CLEAR).  After this call, and until the next fork(), no write
 * invalidates, so that a test can expect exact counts.
 */
int own_pages(void);

/*
 * Disables huge pages for the process, its children and the programs that they exec:
 * unmapping a part of a huge page splits it, which is an invalidation (CLEAR).
 */
int small_pages(void);

/* Maps private anonymous memory at @start, where nothing may be mapped yet. */
int map_untouched(void *start, size_t len);

/* The same, and writes 0x5a to all of it. */
int map_pages(void *start, size_t len);

#endif /* MNCK_SELFTEST_MEMORY_H */
