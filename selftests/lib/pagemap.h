/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the page table of a process has, by /proc/PID/pagemap, beside what the
 * shadow of a mirror has.
 *
 * As in mnck_utils.h, what returns int returns 0, or -1 and errno.
 */
#ifndef MNCK_SELFTEST_PAGEMAP_H
#define MNCK_SELFTEST_PAGEMAP_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "interval.h"
#include "pages.h"

/* @pid: 0 for this process.  Frame numbers are shown to whoever may, when it opens. */
static inline int pagemap_open(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid ?: getpid());
	return open(path, O_RDONLY | O_CLOEXEC);
}

static inline int pagemap_read(int pagemap, const void *start, size_t len, __u64 *entries)
{
	size_t page = getpagesize();
	ssize_t size = len / page * sizeof(*entries);

	return pread(pagemap, entries, size, (uintptr_t)start / page * sizeof(*entries)) == size ?
	       0 : -1;
}

/* What a shadow that was just filled has for a page; 0 if there is none. */
static inline __u64 mirrored(__u64 pagemap_entry, bool writable)
{
	if (!(pagemap_entry & PAGEMAP_PRESENT))
		return 0;
	return (pagemap_entry & PAGEMAP_PFN) << 2 | MNCK_PAGE_PRESENT |
	       (writable ? MNCK_PAGE_WRITABLE : 0);
}

/*
 * The shadow of the first @pages pages of a mirror at @start must have what
 * the page table has, for those pages in @present, writable for those in
 * @writable, and nothing for the others: returns "" or what is not so.
 */
static inline const char *shadow_differs(const struct subscriber *sub, int pagemap,
					 const char *start, unsigned int pages,
					 unsigned long present, unsigned long writable)
{
	__u64 table[64], shadow[64], want;
	size_t page = getpagesize();
	static struct mnck_text t;

	t = (struct mnck_text){};
	if (mirror_read(sub, start, pages * page, shadow) ||
	    pagemap_read(pagemap, start, pages * page, table)) {
		mnck_say(&t, "errno %d", errno);
		return t.text;
	}
	for (unsigned int i = 0; i < pages; i++) {
		want = present >> i & 1 ? mirrored(table[i], writable >> i & 1) : 0;
		if (present >> i & 1 && !want)
			mnck_say(&t, "page %u is not there; ", i);
		if (shadow[i] != want)
			mnck_say(&t, "page %u is %#llx, wanted %#llx; ", i, shadow[i], want);
	}
	return t.text;
}

#endif /* MNCK_SELFTEST_PAGEMAP_H */
