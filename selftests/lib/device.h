/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ioctls of /dev/mnck as functions.
 *
 * Functions that return int return 0, or -1 and errno, like the system calls that
 * they wrap.
 */
#ifndef MNCK_SELFTEST_DEVICE_H
#define MNCK_SELFTEST_DEVICE_H

#include <fcntl.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <unistd.h>

#include "mnck_uapi.h"

#define MNCK_DEVICE "/dev/mnck"

/* The default of the module parameter max_subscribers. */
#define MNCK_MAX_SUBSCRIBERS 1024

#define sizeof_field(TYPE, MEMBER) sizeof((((TYPE *)0)->MEMBER))
#define offsetofend(TYPE, MEMBER) (offsetof(TYPE, MEMBER) + sizeof_field(TYPE, MEMBER))

struct subscriber {
	int fd;
	__u32 kind;
	__u64 id;
};

/* Returns a file descriptor of the device, or -1. */
int mnck_open(void);

/* Attaches a subscriber as @how says; fills in how.size. */
int mnck_attach_how(int fd, struct mnck_attach how, struct subscriber *sub);

/* Attaches a subscriber of @kind to a process; @pid 0 is the caller. */
int mnck_attach(int fd, pid_t pid, __u32 kind, struct subscriber *sub);

int mnck_stats(const struct subscriber *sub, struct mnck_stats *stats);

/* Returns the statistics, or all zeroes if the ioctl fails. */
struct mnck_stats stats_now(const struct subscriber *sub);

/* Detaches a subscriber; @stats receives its final statistics. */
int mnck_detach(const struct subscriber *sub, struct mnck_stats *stats);

int mnck_lock(const struct subscriber *sub, __u32 op);

/* Has the device of an aging subscriber use @len bytes at @start. */
int mnck_touch(const struct subscriber *sub, const void *start, size_t len);

#endif /* MNCK_SELFTEST_DEVICE_H */
