/* SPDX-License-Identifier: GPL-2.0 */
/*
 * PAGEMAP_SCAN.
 */
#ifndef MNCK_SELFTEST_SCAN_H
#define MNCK_SELFTEST_SCAN_H

#include <linux/fs.h>
#include <linux/types.h>
#include <stddef.h>
#include <sys/ioctl.h>

/* Who begins the range. */
#define SCAN "do_pagemap_scan do_pagemap_cmd"
/* What a test says that can't have it. */
#define SCAN_NEEDS "CONFIG_PROC_PAGE_MONITOR?"

/*
 * Finds at most @n areas of this @category: how many, or -1 and errno.
 *
 * @pagemap: a file descriptor of the process's.
 */
static inline int scan_pages(int pagemap, const void *start, size_t len, __u64 category,
			     __u64 flags, struct page_region *found, size_t n)
{
	struct pm_scan_arg arg = {
		.size = sizeof(arg),
		.flags = flags,
		.start = (unsigned long)start,
		.end = (unsigned long)start + len,
		.vec = (unsigned long)found,
		.vec_len = n,
		.category_mask = category,
		.return_mask = category,
	};

	return ioctl(pagemap, PAGEMAP_SCAN, &arg);
}

#endif /* MNCK_SELFTEST_SCAN_H */
