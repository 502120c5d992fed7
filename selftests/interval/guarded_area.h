/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An area of memory that is a VMA of its own.
 */
#ifndef MNCK_SELFTEST_GUARDED_AREA_H
#define MNCK_SELFTEST_GUARDED_AREA_H

#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * Maps @len bytes for reading and writing between two guard pages, so that no other
 * VMA merges with them; returns NULL on failure.
 */
static inline char *guarded_area(size_t len)
{
	size_t page = getpagesize();
	char *p = mmap(NULL, len + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p + page, len, PROT_READ | PROT_WRITE))
		return NULL;
	return p + page;
}

#endif /* MNCK_SELFTEST_GUARDED_AREA_H */
