/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Subscribers to a part of an address space: mirror and two_pass.
 *
 * As in mnck_utils.h, what returns int returns 0, or -1 and errno.
 */
#ifndef MNCK_SELFTEST_INTERVAL_H
#define MNCK_SELFTEST_INTERVAL_H

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "mnck_utils.h"

static inline int interval_attach(int fd, pid_t pid, __u32 kind, __u32 flags, const void *start,
				  size_t len, struct subscriber *sub)
{
	struct mnck_attach how = {
		.pid = pid,
		.kind = kind,
		.flags = flags,
		.start = (uintptr_t)start,
		.end = (uintptr_t)start + len,
	};

	return mnck_attach_how(fd, how, sub);
}

/* More than any process has. */
#define ADDRESS_SPACE 0x100000000000000UL

static inline int mirror_do(const struct subscriber *sub, __u32 op, __u32 flags,
			    const void *start, size_t len, __u64 *entries)
{
	struct mnck_mirror cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.id = sub->id,
		.op = op,
		.start = (uintptr_t)start,
		.end = (uintptr_t)start + len,
		.entries = (uintptr_t)entries,
	};

	return ioctl(sub->fd, MNCK_MIRROR, &cmd);
}

static inline int mirror_fault(const struct subscriber *sub, __u32 flags, const void *start,
			       size_t len)
{
	return mirror_do(sub, MNCK_MIRROR_FAULT, flags, start, len, NULL);
}

static inline int mirror_read(const struct subscriber *sub, const void *start, size_t len,
			      __u64 *entries)
{
	return mirror_do(sub, MNCK_MIRROR_READ, 0, start, len, entries);
}

static inline int mirror_let_go(const struct subscriber *sub)
{
	return mirror_do(sub, MNCK_MIRROR_LET_GO, 0, NULL, 0, NULL);
}

/* A call on a subscriber by a thread of its own, which may wait. */
struct call {
	pthread_t thread;
	atomic_int tid;
	int (*function)(struct call *call);
	struct subscriber sub;
	/* Of a fault. */
	__u32 flags;
	const void *start;
	size_t len;
	/* Of a detach. */
	struct mnck_stats stats;
	int error;
};

static inline int call_hold(struct call *call)
{
	return mirror_do(&call->sub, MNCK_MIRROR_HOLD, 0, NULL, 0, NULL);
}

static inline int call_fault(struct call *call)
{
	return mirror_fault(&call->sub, call->flags, call->start, call->len);
}

static inline int call_detach(struct call *call)
{
	return mnck_detach(&call->sub, &call->stats);
}

static inline int call_close(struct call *call)
{
	return close(call->sub.fd);
}

static inline void *call_thread(void *arg)
{
	struct call *call = arg;

	call->tid = gettid();
	call->error = call->function(call) ? errno : 0;
	return NULL;
}

static inline int call_begin(struct call *call, int (*function)(struct call *call),
			     const struct subscriber *sub)
{
	call->function = function;
	call->sub = *sub;
	call->tid = 0;
	errno = pthread_create(&call->thread, NULL, call_thread, call);
	return errno ? -1 : 0;
}

/* Waits for the call; returns its errno, or 0. */
static inline int call_end(struct call *call)
{
	errno = pthread_join(call->thread, NULL);
	return errno ?: call->error;
}

/* One call on the mirror waits to be let go. */
static inline int at_gate(const struct subscriber *sub)
{
	return stats_now(sub).waiting == 1;
}

#endif /* MNCK_SELFTEST_INTERVAL_H */
