/* SPDX-License-Identifier: GPL-2.0 */
/*
 * rdma_rxe as a peer (see template.h): an RDMA client, whose memory region is registered for
 * on-demand paging.  Its writes and reads go from one half of the region to the other.
 */
#ifndef MNCK_SELFTEST_ODP_H
#define MNCK_SELFTEST_ODP_H

#include <errno.h>

#include "beside.h"
#include "memory.h"
#include "oom.h"
#include "peer.h"
#include "probe.h"
#include "rdma.h"

#define PEER_MEMORY ((char *)0x300000000UL)
#define PEER_SIZE (4UL << 20)
/* The first half has the data that are sent or received, the second half is used. */
#define PEER_START (PEER_MEMORY + PEER_SIZE / 2)
#define PEER_LEN (64UL << 10)

#define PEER_IS_INTERVAL true
#define PEER_OPS "rxe_mn_ops"
#define PEER_CALLBACK "rxe_ib_invalidate_range"
#define PEER_END NULL
#define PEER_NOT_MAPPED EIO
#define PEER_NOT_WRITABLE EIO
/* An error ends the connection. */
#define PEER_GOES_ON false

#define REQUIRE_PEER()                                          \
	do {                                                    \
		if (!has_rxe())                                 \
			SKIP(return, "needs CONFIG_RDMA_RXE and CONFIG_DUMMY"); \
	} while (0)

struct peer {
	struct rdma rdma;
};

static inline int peer_count(void)
{
	return probe_add("rxe", "rxe_ib_invalidate_range");
}

static inline long peer_ranges(void)
{
	return probe_calls("rxe");
}

/* The driver subscribes to the memory region, as the mirror does in changes.h. */
static inline __u64 peer_wanted(const struct beside *beside, __u64 starts)
{
	(void)starts;
	return stats_now(&beside->mirror).starts;
}

static inline int peer_make(struct peer *peer)
{
	return rdma_make(&peer->rdma, PEER_MEMORY, PEER_SIZE);
}

static inline int peer_write(struct peer *peer, char *start, size_t len, __u32 value)
{
	give_value(PEER_MEMORY, len, value);
	return rdma_write(&peer->rdma, PEER_MEMORY, start, len);
}

static inline int peer_read(struct peer *peer, char *start, size_t len, __u32 value)
{
	int error;

	give_value(PEER_MEMORY, len, ~value);
	error = rdma_read(&peer->rdma, PEER_MEMORY, start, len);
	if (!error && !begin_with(PEER_MEMORY, len, value))
		error = EILSEQ;
	return error;
}

static inline int peer_exhaust(struct peer *peer)
{
	(void)peer;
	return map_pages(OOM_AREA, OOM_SIZE) ? errno : 0;
}

#endif /* MNCK_SELFTEST_ODP_H */
