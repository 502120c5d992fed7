// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "huge.h"
#include "memory.h"
#include "pages.h"
#include "settings.h"

size_t huge_size(void)
{
	long size = setting_number(THP "hpage_pmd_size");

	return size > 0 ? size : 0;
}

size_t huge_on_request(struct settings *s)
{
	return setting_change(s, THP "enabled", "never") ? 0 : huge_size();
}

bool huge_mapped(const char *start, size_t len)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	struct page_region found = {};
	bool huge = fd >= 0 &&
		    scan_pages(fd, start, len, PAGE_IS_HUGE, 0, &found, 1) == 1 &&
		    found.start == (uintptr_t)start && found.end == (uintptr_t)start + len;

	if (fd >= 0)
		close(fd);
	return huge;
}

int huge_map(char *start, size_t len)
{
	return map_pages(start, len) || madvise(start, len, MADV_COLLAPSE) ||
	       !huge_mapped(start, len) ? -1 : 0;
}
