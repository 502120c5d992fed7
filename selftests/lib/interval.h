/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Subscribers to a part of an address space: mirror and two_pass.
 *
 * Functions that return int return 0, or -1 and errno, unless they say otherwise.
 */
#ifndef MNCK_SELFTEST_INTERVAL_H
#define MNCK_SELFTEST_INTERVAL_H

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "device.h"

int interval_attach(int fd, pid_t pid, __u32 kind, __u32 flags, const void *start, size_t len,
		    struct subscriber *sub);

/* Larger than the address space of any process. */
#define ADDRESS_SPACE 0x100000000000000UL

int mirror_do(const struct subscriber *sub, __u32 op, __u32 flags, const void *start, size_t len,
	      __u64 *entries);

/* Has the mirror fault pages in and fill its shadow page table with them. */
int mirror_fault(const struct subscriber *sub, __u32 flags, const void *start, size_t len);

/* Reads the mirror's shadow page table. */
int mirror_read(const struct subscriber *sub, const void *start, size_t len, __u64 *entries);

/* Lets one call that waits at the mirror's gate go on, or the next call that comes there. */
int mirror_let_go(const struct subscriber *sub);

/* Returns whether exactly one call waits until the mirror lets it go. */
bool mirror_holds_call(const struct subscriber *sub);

/* A call on a subscriber, made by a thread of its own because it may wait. */
struct call {
	pthread_t thread;
	atomic_int tid;
	int (*function)(struct call *call);
	struct subscriber sub;
	/* For a fault. */
	__u32 flags;
	const void *start;
	size_t len;
	/* For a detach. */
	struct mnck_stats stats;
	int error;
};

/* The functions for call_begin(). */
int call_hold(struct call *call);
int call_fault(struct call *call);
int call_detach(struct call *call);
int call_close(struct call *call);

int call_begin(struct call *call, int (*function)(struct call *call),
	       const struct subscriber *sub);

/* Waits for the call.  Returns its errno, or 0. */
int call_end(struct call *call);

#endif /* MNCK_SELFTEST_INTERVAL_H */
