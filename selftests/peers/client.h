/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A victim whose memory a driver uses, for the tests in which it is reaped.
 *
 * A program defines what template.h names before it includes this file.
 */
#ifndef MNCK_SELFTEST_CLIENT_H
#define MNCK_SELFTEST_CLIENT_H

#include "memory.h"
#include "victim.h"

/* What the driver writes to the victim's memory. */
#define CLIENT_VALUE 7

enum client_op {
	CLIENT_WRITE,	/* have the driver write CLIENT_VALUE to each page */
	CLIENT_EXHAUST,	/* use up the memory of the cgroup */
};

/* The main function of the victim. */
static inline void client_main(size_t len)
{
	struct victim_order order;
	struct peer peer;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	victim_answer(small_pages() || map_pages(PEER_MEMORY, len) || own_pages() ||
		      peer_make(&peer));
	while (read(STDIN_FILENO, &order, sizeof(order)) == sizeof(order)) {
		if (order.op == CLIENT_WRITE)
			victim_answer(peer_write(&peer, order.addr, order.len, CLIENT_VALUE));
		else
			victim_answer(peer_exhaust(&peer));
	}
}

#endif /* MNCK_SELFTEST_CLIENT_H */
