/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The table of all subscriptions has the peer.
 *
 * A program includes this file after changes.h.
 */
#ifndef MNCK_SELFTEST_LISTED_H
#define MNCK_SELFTEST_LISTED_H

#include "table.h"

/* The peer is listed by its table of callbacks, beside the subscribers of mnck. */
PEER_TEST(listed)
{
	REQUIRE_TABLES();
	EXPECT_LE(1, table_registered(PEER_OPS, getpid(),
				      PEER_IS_INTERVAL ? " invalidate" : " start,end"));
	EXPECT_EQ(0, table_registered(PEER_OPS, getppid(), ""));
	EXPECT_LE(4, table_registered("[mnck]", getpid(), ""));
}

#endif /* MNCK_SELFTEST_LISTED_H */
