/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests beside rdma_rxe share: the client's memory, and a victim that is a client.
 */
#ifndef MNCK_SELFTEST_ODP_H
#define MNCK_SELFTEST_ODP_H

#include "memory.h"
#include "peer.h"
#include "probe.h"
#include "rdma.h"
#include "tracefs.h"
#include "victim.h"

/* The memory region.  Its first half is for the data of a transfer, on the client's side. */
#define ODP_MEMORY ((char *)0x300000000UL)
#define ODP_SIZE (4UL << 20)
#define ODP_LOCAL ODP_MEMORY
#define ODP_REMOTE (ODP_MEMORY + ODP_SIZE / 2)

/* The harness has no way to say that a program cannot run: the fixtures begin with this. */
#define REQUIRE_RXE()                                           \
	do {                                                    \
		if (!has_rxe())                                 \
			SKIP(return, "needs CONFIG_RDMA_RXE and CONFIG_DUMMY"); \
	} while (0)

/* Counts from 0 the ranges of which the driver is notified. */
static inline int count_odp_callbacks(void)
{
	return tracefs_mount() || probes_remove() ||
	       probe_add("rxe", "rxe_ib_invalidate_range") ? -1 : 0;
}

/* What the client writes to its memory by RDMA. */
#define ODP_VALUE 7

enum odp_op {
	ODP_WRITE = 100,	/* write ODP_VALUE to each page; besides VICTIM_MAP_TOUCH */
};

/* The main function of a victim that is a client. */
static inline void odp_main(size_t len)
{
	struct victim_order order;
	struct rdma rdma;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	victim_answer(small_pages() || map_pages(ODP_MEMORY, len) || own_pages() ||
		      rdma_make(&rdma, ODP_MEMORY, len));
	while (read(STDIN_FILENO, &order, sizeof(order)) == sizeof(order)) {
		if (order.op == ODP_WRITE) {
			give_value(ODP_LOCAL, order.len, ODP_VALUE);
			victim_answer(rdma_write(&rdma, ODP_LOCAL, order.addr, order.len) ||
				      !begin_with(order.addr, order.len, ODP_VALUE));
		} else {
			victim_answer(map_pages(order.addr, order.len));
		}
	}
}

#endif /* MNCK_SELFTEST_ODP_H */
