/* SPDX-License-Identifier: GPL-2.0 */
/*
 * userfaultfd.
 *
 * As in mnck_utils.h, what returns int returns 0, or -1 and errno.
 */
#ifndef MNCK_SELFTEST_UFFD_H
#define MNCK_SELFTEST_UFFD_H

#include <fcntl.h>
#include <linux/const.h>
#include <linux/types.h>
#include <linux/userfaultfd.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of Linux 7.3, which a libc may not know yet. */
#ifndef UFFDIO_RWPROTECT
#define UFFD_FEATURE_RWP _BITULL(17)
#define UFFD_FEATURE_RWP_ASYNC _BITULL(18)
#define UFFDIO_REGISTER_MODE_RWP _BITULL(3)
#define UFFDIO_RWPROTECT_MODE_RWP _BITULL(0)
#define UFFDIO_RWPROTECT _IOWR(UFFDIO, 0x09, struct uffdio_writeprotect)
#endif

/* What a test says that can't have it. */
#define UFFD_NEEDS "no userfaultfd, or not this of it: CONFIG_USERFAULTFD?"

/* A file descriptor; -1: there is none, or not with these @features. */
static inline int uffd_open(__u64 features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0 && ioctl(fd, UFFDIO_API, &api)) {
		close(fd);
		return -1;
	}
	return fd;
}

static inline int uffd_register(int fd, const void *start, size_t len, __u64 mode)
{
	struct uffdio_register reg = {
		.range = { .start = (unsigned long)start, .len = len }, .mode = mode,
	};

	return ioctl(fd, UFFDIO_REGISTER, &reg);
}

static inline int uffd_unregister(int fd, const void *start, size_t len)
{
	struct uffdio_range range = { .start = (unsigned long)start, .len = len };

	return ioctl(fd, UFFDIO_UNREGISTER, &range);
}

/* @request: UFFDIO_WRITEPROTECT or UFFDIO_RWPROTECT, which take the same. */
static inline int uffd_protect(int fd, unsigned long request, const void *start, size_t len,
			       __u64 mode)
{
	struct uffdio_writeprotect wp = {
		.range = { .start = (unsigned long)start, .len = len }, .mode = mode,
	};

	return ioctl(fd, request, &wp);
}

static inline int uffd_move(int fd, const void *to, const void *from, size_t len, __u64 mode)
{
	struct uffdio_move move = {
		.dst = (unsigned long)to, .src = (unsigned long)from, .len = len, .mode = mode,
	};

	return ioctl(fd, UFFDIO_MOVE, &move);
}

#endif /* MNCK_SELFTEST_UFFD_H */
