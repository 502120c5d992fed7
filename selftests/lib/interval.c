// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "interval.h"
#include "stats.h"

int interval_attach(int fd, pid_t pid, __u32 kind, __u32 flags, const void *start, size_t len,
		    struct subscriber *sub)
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

int mirror_do(const struct subscriber *sub, __u32 op, __u32 flags, const void *start, size_t len,
	      __u64 *entries)
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

int mirror_fault(const struct subscriber *sub, __u32 flags, const void *start, size_t len)
{
	return mirror_do(sub, MNCK_MIRROR_FAULT, flags, start, len, NULL);
}

int mirror_read(const struct subscriber *sub, const void *start, size_t len, __u64 *entries)
{
	return mirror_do(sub, MNCK_MIRROR_READ, 0, start, len, entries);
}

int mirror_let_go(const struct subscriber *sub)
{
	return mirror_do(sub, MNCK_MIRROR_LET_GO, 0, NULL, 0, NULL);
}

bool mirror_holds_call(const struct subscriber *sub)
{
	return stats_now(sub).waiting == 1;
}

int call_hold(struct call *call)
{
	return mirror_do(&call->sub, MNCK_MIRROR_HOLD, 0, NULL, 0, NULL);
}

int call_fault(struct call *call)
{
	return mirror_fault(&call->sub, call->flags, call->start, call->len);
}

int call_detach(struct call *call)
{
	return mnck_detach(&call->sub, &call->stats);
}

int call_close(struct call *call)
{
	return close(call->sub.fd);
}

static void *call_thread(void *arg)
{
	struct call *call = arg;

	call->tid = gettid();
	call->error = call->function(call) ? errno : 0;
	return NULL;
}

int call_begin(struct call *call, int (*function)(struct call *call), const struct subscriber *sub)
{
	call->function = function;
	call->sub = *sub;
	call->tid = 0;
	errno = pthread_create(&call->thread, NULL, call_thread, call);
	return errno ? -1 : 0;
}

int call_end(struct call *call)
{
	errno = pthread_join(call->thread, NULL);
	return errno ?: call->error;
}
