/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel knows of single pages: /proc/PID/pagemap, and idle page tracking,
 * which has a bit for each frame.
 *
 * See Documentation/admin-guide/mm/pagemap.rst and idle_page_tracking.rst.  Functions
 * that return int return 0, or -1 and errno, unless they say otherwise.
 */
#ifndef MNCK_SELFTEST_PAGES_H
#define MNCK_SELFTEST_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <linux/const.h>
#include <linux/fs.h>
#include <linux/types.h>

#define PAGEMAP_PRESENT _BITULL(63)
#define PAGEMAP_SWAPPED _BITULL(62)
/* Mapped by this process alone, and once. */
#define PAGEMAP_EXCLUSIVE _BITULL(56)
#define PAGEMAP_PFN (_BITULL(55) - 1)
/* <linux/kernel-page-flags.h> */
#define KPAGE_LRU _BITULL(5)

/* Returns the entry of an address in /proc/self/pagemap, or 0. */
__u64 page_entry(const void *address);

/* Returns the frame number of a page; 0 if it is not present, or without privilege. */
__u64 page_frame(const void *address);

/*
 * Returns whether all pages are on the LRU lists, where reclaim and migration find
 * pages.  A new page first waits on a list of its CPU: as its first step, drop_caches
 * has all CPUs drain these lists.
 */
bool pages_on_lru(const char *start, size_t len);

/*
 * Opens the pagemap of a process; @pid 0 is the caller.  Whether reads show frame
 * numbers depends on the privileges at the time of the open.
 */
int pagemap_open(pid_t pid);

int pagemap_read(int pagemap, const void *start, size_t len, __u64 *entries);

/*
 * Finds at most @n areas whose pages have this @category (PAGEMAP_SCAN).  Returns how
 * many there are, or -1 and errno.
 */
int scan_pages(int pagemap, const void *start, size_t len, __u64 category, __u64 flags,
	       struct page_region *found, size_t n);

/* Returns a descriptor of the bitmap of idle page tracking, or -1. */
int idle_open(void);

/* Returns the offset of the word in the bitmap that has the bit of a page's frame. */
off_t idle_offset(const char *page);

/* Returns the bit of a page's frame in that word. */
__u64 idle_bit(const char *page);

/*
 * Declares a page idle.  The kernel asks the users of the page whether it is young, and
 * discards the answer.
 */
int set_idle(int bitmap, const char *page);

/* Returns whether a page is still idle; the kernel asks its users again. */
bool is_idle(int bitmap, const char *page);

#endif /* MNCK_SELFTEST_PAGES_H */
