// SPDX-License-Identifier: GPL-2.0
/*
 * A subscriber that refuses a range, beside rdma_rxe.
 */
#include "mnck_harness.h"
#include "odp.h"

#define PEER odp_refused
#define DRIVER "rdma_rxe"

#include "refused.h"

TEST_HARNESS_MAIN
