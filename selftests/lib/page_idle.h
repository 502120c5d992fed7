/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Idle page tracking: a bit for each frame, see
 * Documentation/admin-guide/mm/idle_page_tracking.rst.
 */
#ifndef MNCK_SELFTEST_PAGE_IDLE_H
#define MNCK_SELFTEST_PAGE_IDLE_H

#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

#include "pages.h"

#define IDLE_NEEDS "the kernel lacks CONFIG_IDLE_PAGE_TRACKING"

static inline int idle_open(void)
{
	return open("/sys/kernel/mm/page_idle/bitmap", O_RDWR | O_CLOEXEC);
}

/* Where the bit of a page's frame is. */
static inline off_t idle_offset(const char *page)
{
	return page_frame(page) / 64 * sizeof(__u64);
}

static inline __u64 idle_bit(const char *page)
{
	return 1ULL << page_frame(page) % 64;
}

/* Declares a page idle, for which its users are asked, and what they say is forgotten. */
static inline int set_idle(int bitmap, const char *page)
{
	__u64 word = idle_bit(page);

	return pwrite(bitmap, &word, sizeof(word), idle_offset(page)) == sizeof(word) ? 0 : -1;
}

/* Whether it is idle still, for which they are asked again. */
static inline bool is_idle(int bitmap, const char *page)
{
	__u64 word = 0;

	if (pread(bitmap, &word, sizeof(word), idle_offset(page)) != sizeof(word))
		return false;
	return word & idle_bit(page);
}

#endif /* MNCK_SELFTEST_PAGE_IDLE_H */
