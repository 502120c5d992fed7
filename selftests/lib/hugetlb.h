/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pages of hugetlb: how many there are, and memory of them.
 *
 * As in mnck_utils.h, what returns int returns 0, or -1 and errno.
 */
#ifndef MNCK_SELFTEST_HUGETLB_H
#define MNCK_SELFTEST_HUGETLB_H

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "settings.h"

#define HUGETLB_PAGES "/proc/sys/vm/nr_hugepages"
#define HUGETLB_NEEDS "no pages in " HUGETLB_PAGES ": CONFIG_HUGETLBFS, or memory?"

/* The size of the pages there are unless one asks for others, or 0. */
static inline size_t hugetlb_size(void)
{
	char text[4096], *line;

	proc_read(text, sizeof(text), "/proc/meminfo");
	line = strstr(text, "\nHugepagesize:");
	return line ? atol(line + strlen("\nHugepagesize:")) * 1024 : 0;
}

/*
 * Has the kernel keep so many.  When fewer are kept again, what is mapped by then
 * goes as soon as it is unmapped.
 */
static inline int hugetlb_keep(struct settings *s, long pages)
{
	char text[32];

	snprintf(text, sizeof(text), "%ld", pages);
	if (setting_change(s, HUGETLB_PAGES, text))
		return -1;
	errno = ENOMEM;
	return setting_number(HUGETLB_PAGES) == pages ? 0 : -1;
}

/* Memory of them at @start, where nothing is, of which no page is there yet. */
static inline int hugetlb_map(void *start, size_t len)
{
	void *p = mmap(start, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_FIXED_NOREPLACE, -1, 0);

	return p == start ? 0 : -1;
}

/* A file of them; returns its descriptor, or -1. */
static inline int hugetlb_file(size_t len)
{
	int fd = memfd_create("hugetlb", MFD_CLOEXEC | MFD_HUGETLB);

	return fd < 0 || ftruncate(fd, len) ? -1 : fd;
}

/* Maps all of a file, with no more pages than it will need. */
static inline int hugetlb_map_file(void *start, size_t len, int fd)
{
	void *p = mmap(start, len, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_NORESERVE | MAP_FIXED_NOREPLACE, fd, 0);

	return p == start ? 0 : -1;
}

#endif /* MNCK_SELFTEST_HUGETLB_H */
