// SPDX-License-Identifier: GPL-2.0
/*
 * Rule lock-order, broken by reclaim: the driver's release allocates memory while it
 * holds the mutex that its invalidation callback takes, and an allocation that
 * reclaims memory invalidates.
 *
 * Lockdep knows this even if nothing has to be reclaimed, by fs_reclaim_acquire() of
 * mm/page_alloc.c.
 */
#include "lock_order.h"

/* Lockdep reports the circle, although nothing is reclaimed. */
TEST_F_TIMEOUT(lock_order, wrong, MNCK_TIMEOUT)
{
	EXPECT_REPORTED(MNCK_FAULT_LOCK_RECLAIM, "lock_reclaim");
}

TEST_HARNESS_MAIN
