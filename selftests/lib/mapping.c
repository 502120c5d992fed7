// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/types.h>

#include "mapping.h"

int map_file(void *start, size_t len, int flags, int fd)
{
	void *p = mmap(start, len, PROT_READ | PROT_WRITE, flags | MAP_FIXED_NOREPLACE, fd, 0);

	return p == start ? 0 : -1;
}

int map_shared(void *start, size_t len)
{
	if (map_file(start, len, MAP_SHARED | MAP_ANONYMOUS, -1))
		return -1;
	memset(start, 0x5a, len);
	return 0;
}

int map_memfd(void *start, size_t len)
{
	int fd = memfd_create("mnck", MFD_CLOEXEC);

	return fd < 0 || ftruncate(fd, len) || map_file(start, len, MAP_SHARED, fd) ? -1 : fd;
}

int punch_hole(int fd, off_t offset, off_t len)
{
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, len);
}

/* Returns how many entries a table of any level has. */
static size_t table_entries(void)
{
	return getpagesize() / sizeof(__u64);
}

size_t pmd_size(void)
{
	return table_entries() * getpagesize();
}

size_t pud_size(void)
{
	return table_entries() * pmd_size();
}
