// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "uffd.h"

int uffd_open(__u64 features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0 && ioctl(fd, UFFDIO_API, &api)) {
		close(fd);
		return -1;
	}
	return fd;
}

int uffd_register(int fd, const void *start, size_t len, __u64 mode)
{
	struct uffdio_register reg = {
		.range = { .start = (unsigned long)start, .len = len }, .mode = mode,
	};

	return ioctl(fd, UFFDIO_REGISTER, &reg);
}

int uffd_unregister(int fd, const void *start, size_t len)
{
	struct uffdio_range range = { .start = (unsigned long)start, .len = len };

	return ioctl(fd, UFFDIO_UNREGISTER, &range);
}

int uffd_protect(int fd, unsigned long request, const void *start, size_t len, __u64 mode)
{
	struct uffdio_writeprotect wp = {
		.range = { .start = (unsigned long)start, .len = len }, .mode = mode,
	};

	return ioctl(fd, request, &wp);
}

int uffd_move(int fd, const void *to, const void *from, size_t len, __u64 mode)
{
	struct uffdio_move move = {
		.dst = (unsigned long)to, .src = (unsigned long)from, .len = len, .mode = mode,
	};

	return ioctl(fd, UFFDIO_MOVE, &move);
}
