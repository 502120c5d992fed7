// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "file.h"
#include "pages.h"

__u64 page_entry(const void *address)
{
	return file_word("/proc/self/pagemap", (uintptr_t)address / getpagesize());
}

__u64 page_frame(const void *address)
{
	__u64 entry = page_entry(address);

	return entry & PAGEMAP_PRESENT ? entry & PAGEMAP_PFN : 0;
}

bool pages_on_lru(const char *start, size_t len)
{
	/* "4" keeps "1" from being logged. */
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

int pagemap_open(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid ?: getpid());
	return open(path, O_RDONLY | O_CLOEXEC);
}

int pagemap_read(int pagemap, const void *start, size_t len, __u64 *entries)
{
	size_t page = getpagesize();
	ssize_t size = len / page * sizeof(*entries);

	return pread(pagemap, entries, size, (uintptr_t)start / page * sizeof(*entries)) == size ?
	       0 : -1;
}

int scan_pages(int pagemap, const void *start, size_t len, __u64 category, __u64 flags,
	       struct page_region *found, size_t n)
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

int idle_open(void)
{
	return open("/sys/kernel/mm/page_idle/bitmap", O_RDWR | O_CLOEXEC);
}

off_t idle_offset(const char *page)
{
	return page_frame(page) / 64 * sizeof(__u64);
}

__u64 idle_bit(const char *page)
{
	return 1ULL << page_frame(page) % 64;
}

int set_idle(int bitmap, const char *page)
{
	__u64 word = idle_bit(page);

	return pwrite(bitmap, &word, sizeof(word), idle_offset(page)) == sizeof(word) ? 0 : -1;
}

bool is_idle(int bitmap, const char *page)
{
	__u64 word = 0;

	if (pread(bitmap, &word, sizeof(word), idle_offset(page)) != sizeof(word))
		return false;
	return word & idle_bit(page);
}
