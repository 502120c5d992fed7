// SPDX-License-Identifier: GPL-2.0
/*
 * Rule lock-order, broken by the mmap lock: the driver's release takes it while it
 * holds the mutex that its invalidation callback takes, and the core calls the
 * invalidation callback with the mmap lock held.  So two kinds of callback take the
 * same two locks in opposite order.
 */
#include "lock_order.h"

/* Lockdep reports the circle, although the two callbacks never ran at the same time. */
TEST_F_TIMEOUT(lock_order, wrong, MNCK_TIMEOUT)
{
	EXPECT_REPORTED(MNCK_FAULT_LOCK_MMAP, "lock_mmap");
}

TEST_HARNESS_MAIN
