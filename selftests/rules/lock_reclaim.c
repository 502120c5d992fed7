// SPDX-License-Identifier: GPL-2.0
/*
 * The driver's release allocates memory, with the mutex that its invalidation
 * takes: reclaim invalidates.
 *
 * Mirrors fs_reclaim_acquire() of mm/page_alloc.c, by which lockdep knows that
 * before there is ever a need to reclaim.
 */
#include "lock_order.h"

TEST_F_TIMEOUT(lock_order, wrong, MNCK_TIMEOUT)
{
	EXPECT_REPORTED(MNCK_FAULT_LOCK_RECLAIM, "lock_reclaim");
}

TEST_HARNESS_MAIN
