/* SPDX-License-Identifier: GPL-2.0 */
/*
 * userfaultfd.
 *
 * Functions that return int return 0, or -1 and errno, unless they say otherwise.
 */
#ifndef MNCK_SELFTEST_UFFD_H
#define MNCK_SELFTEST_UFFD_H

#include <stddef.h>

#include <linux/const.h>
#include <linux/types.h>
#include <linux/userfaultfd.h>

/* New in Linux 7.3: the installed headers may not have them yet. */
#ifndef UFFDIO_RWPROTECT
#define UFFD_FEATURE_RWP _BITULL(17)
#define UFFD_FEATURE_RWP_ASYNC _BITULL(18)
#define UFFDIO_REGISTER_MODE_RWP _BITULL(3)
#define UFFDIO_RWPROTECT_MODE_RWP _BITULL(0)
#define UFFDIO_RWPROTECT _IOWR(UFFDIO, 0x09, struct uffdio_writeprotect)
#endif

/* Returns a file descriptor; -1 if there is no userfaultfd, or not with @features. */
int uffd_open(__u64 features);

int uffd_register(int fd, const void *start, size_t len, __u64 mode);

int uffd_unregister(int fd, const void *start, size_t len);

/* @request: UFFDIO_WRITEPROTECT or UFFDIO_RWPROTECT, which have the same argument. */
int uffd_protect(int fd, unsigned long request, const void *start, size_t len, __u64 mode);

int uffd_move(int fd, const void *to, const void *from, size_t len, __u64 mode);

#endif /* MNCK_SELFTEST_UFFD_H */
