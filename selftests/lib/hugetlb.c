// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "file.h"
#include "hugetlb.h"

size_t hugetlb_size(void)
{
	char text[4096], *line;

	file_read(text, sizeof(text), "/proc/meminfo");
	line = strstr(text, "\nHugepagesize:");
	return line ? atol(line + strlen("\nHugepagesize:")) * 1024 : 0;
}

int hugetlb_keep(struct settings *s, long pages)
{
	char text[32];

	snprintf(text, sizeof(text), "%ld", pages);
	if (setting_change(s, HUGETLB_PAGES, text))
		return -1;
	errno = ENOMEM;
	return setting_number(HUGETLB_PAGES) == pages ? 0 : -1;
}

int hugetlb_map(void *start, size_t len)
{
	void *p = mmap(start, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_FIXED_NOREPLACE, -1, 0);

	return p == start ? 0 : -1;
}

int hugetlb_map_touched(void *start, size_t len)
{
	if (hugetlb_map(start, len))
		return -1;
	memset(start, 1, len);
	return 0;
}

int hugetlb_file(size_t len)
{
	int fd = memfd_create("hugetlb", MFD_CLOEXEC | MFD_HUGETLB);

	return fd < 0 || ftruncate(fd, len) ? -1 : fd;
}

int hugetlb_map_file(void *start, size_t len, int fd)
{
	void *p = mmap(start, len, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_NORESERVE | MAP_FIXED_NOREPLACE, fd, 0);

	return p == start ? 0 : -1;
}
