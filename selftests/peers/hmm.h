/* SPDX-License-Identifier: GPL-2.0 */
/*
 * test_hmm as a peer (see template.h): a mirror of the whole address space.  Its device copies
 * whole pages between those of the process and a buffer of the caller.
 */
#ifndef MNCK_SELFTEST_HMM_H
#define MNCK_SELFTEST_HMM_H

#include <errno.h>
#include <stdint.h>

#include <test_hmm_uapi.h>

#include "beside.h"
#include "memory.h"
#include "oom.h"
#include "peer.h"
#include "probe.h"

#define PEER_MEMORY ((char *)0x400000000UL)
#define PEER_SIZE (4UL << 20)
#define PEER_START PEER_MEMORY
#define PEER_LEN PEER_SIZE

#define PEER_IS_INTERVAL true
#define PEER_OPS "dmirror_min_ops"
#define PEER_CALLBACK "dmirror_interval_invalidate"
#define PEER_END NULL
#define PEER_NOT_MAPPED EFAULT
#define PEER_NOT_WRITABLE EPERM
#define PEER_GOES_ON true

#define HMM_DEVICE "/dev/hmm_dmirror0"

#define REQUIRE_PEER()                                          \
	do {                                                    \
		if (access(HMM_DEVICE, R_OK | W_OK))            \
			SKIP(return, "the module test_hmm is not loaded"); \
	} while (0)

/* How many bytes are copied at once. */
#define HMM_BUFFER_SIZE (64UL << 10)

struct peer {
	int fd;
	char *buffer;
};

static inline int peer_count(void)
{
	return probe_add("hmm", "dmirror_interval_invalidate");
}

static inline long peer_ranges(void)
{
	return probe_calls("hmm");
}

/* The core calls it first, so it has also seen what the mirror has refused. */
static inline __u64 peer_wanted(const struct beside *beside, __u64 starts)
{
	return starts + stats_now(&beside->mirror).refusals;
}

static inline int make_buffer(struct peer *peer)
{
	peer->buffer = mmap(NULL, HMM_BUFFER_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return peer->buffer == MAP_FAILED ? -1 : 0;
}

/* To open the device is to have it mirror this process. */
static inline int peer_make(struct peer *peer)
{
	if (make_buffer(peer))
		return errno;
	peer->fd = open(HMM_DEVICE, O_RDWR | O_CLOEXEC);
	return peer->fd < 0 ? errno : 0;
}

/* The driver gives up after a second of changes, which on a busy machine means nothing. */
static inline int hmm_copy(struct peer *peer, unsigned long how, char *start, size_t len)
{
	struct hmm_dmirror_cmd cmd = {
		.addr = (uintptr_t)start,
		.ptr = (uintptr_t)peer->buffer,
		.npages = len / getpagesize(),
	};

	while (ioctl(peer->fd, how, &cmd))
		if (errno != EBUSY)
			return errno;
	return cmd.cpages == cmd.npages ? 0 : EIO;
}

static inline int peer_write(struct peer *peer, char *start, size_t len, __u32 value)
{
	int error = 0;
	size_t part;

	give_value(peer->buffer, HMM_BUFFER_SIZE, value);
	for (size_t at = 0; at < len && !error; at += part) {
		part = len - at < HMM_BUFFER_SIZE ? len - at : HMM_BUFFER_SIZE;
		error = hmm_copy(peer, HMM_DMIRROR_WRITE, start + at, part);
	}
	return error;
}

static inline int peer_read(struct peer *peer, char *start, size_t len, __u32 value)
{
	int error = 0;
	size_t part;

	for (size_t at = 0; at < len && !error; at += part) {
		part = len - at < HMM_BUFFER_SIZE ? len - at : HMM_BUFFER_SIZE;
		give_value(peer->buffer, part, ~value);
		error = hmm_copy(peer, HMM_DMIRROR_READ, start + at, part);
		if (!error && !begin_with(peer->buffer, part, value))
			error = EILSEQ;
	}
	return error;
}

static inline int peer_exhaust(struct peer *peer)
{
	return map_untouched(OOM_AREA, OOM_SIZE) ? errno :
	       peer_write(peer, OOM_AREA, OOM_SIZE, 1);
}

#endif /* MNCK_SELFTEST_HMM_H */
