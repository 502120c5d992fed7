// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/types.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "swap.h"

int swap_make(const char *path)
{
	struct {
		char bootbits[1024];
		__u32 version;
		__u32 last_page;
		__u32 bad_pages;
	} info = { .version = 1 };
	const char magic[] = { 'S', 'W', 'A', 'P', 'S', 'P', 'A', 'C', 'E', '2' };
	int fd = open(path, O_RDWR | O_CLOEXEC);
	size_t page = getpagesize();
	__u64 size;
	int ret = -1;

	if (fd < 0)
		return -1;
	if (!ioctl(fd, BLKGETSIZE64, &size)) {
		info.last_page = size / page - 1;
		if (pwrite(fd, &info, sizeof(info), 0) == sizeof(info) &&
		    pwrite(fd, magic, sizeof(magic), page - sizeof(magic)) == sizeof(magic))
			ret = fsync(fd);
	}
	close(fd);
	return ret;
}
