// SPDX-License-Identifier: GPL-2.0
/*
 * The driver's release takes the mmap lock, with the mutex that its invalidation
 * takes: invalidations come with the mmap lock held.  So two kinds of callback
 * take the same two locks, in either order.
 */
#include "lock_order.h"

TEST_F_TIMEOUT(lock_order, wrong, MNCK_TIMEOUT)
{
	EXPECT_REPORTED(MNCK_FAULT_LOCK_MMAP, "lock_mmap");
}

TEST_HARNESS_MAIN
