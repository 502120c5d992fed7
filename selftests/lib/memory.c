// SPDX-License-Identifier: GPL-2.0
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "memory.h"

int own_pages(void)
{
	return mlockall(MCL_CURRENT) || munlockall() ? -1 : 0;
}

int small_pages(void)
{
	return prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
}

int map_untouched(void *start, size_t len)
{
	void *p = mmap(start, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	return p == start ? 0 : -1;
}

int map_pages(void *start, size_t len)
{
	if (map_untouched(start, len))
		return -1;
	memset(start, 0x5a, len);
	return 0;
}
