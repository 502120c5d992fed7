/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel says about pages, and how it is made to look at them.
 */
#ifndef MNCK_SELFTEST_PAGES_H
#define MNCK_SELFTEST_PAGES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <linux/const.h>
#include <linux/types.h>

#include "file.h"

#define PAGEMAP_PRESENT _BITULL(63)
#define PAGEMAP_SWAPPED _BITULL(62)
/* Mapped by this process alone, and once. */
#define PAGEMAP_EXCLUSIVE _BITULL(56)
#define PAGEMAP_PFN (_BITULL(55) - 1)
/* <linux/kernel-page-flags.h> */
#define KPAGE_LRU _BITULL(5)

/* The entry of an address of this process in /proc/self/pagemap. */
static inline __u64 page_entry(const void *address)
{
	return file_word("/proc/self/pagemap", (uintptr_t)address / getpagesize());
}

/* The frame number of a page that is present; 0: it is not, or one may not ask. */
static inline __u64 page_frame(const void *address)
{
	__u64 entry = page_entry(address);

	return entry & PAGEMAP_PRESENT ? entry & PAGEMAP_PFN : 0;
}

/*
 * Are all pages where reclaim and whoever else looks for pages finds them?  A
 * new page waits on a list of its CPU first.  Of what drop_caches does it is
 * what it begins with that is wanted: that all CPUs empty these lists.  4 is for
 * not to log it.
 */
static inline bool pages_on_lru(const char *start, size_t len)
{
	if (file_write("/proc/sys/vm/drop_caches", "4") ||
	    file_write("/proc/sys/vm/drop_caches", "1"))
		return false;
	for (size_t at = 0; at < len; at += getpagesize()) {
		__u64 frame = page_frame(start + at);

		if (!frame || !(file_word("/proc/kpageflags", frame) & KPAGE_LRU))
			return false;
	}
	return true;
}

#endif /* MNCK_SELFTEST_PAGES_H */
