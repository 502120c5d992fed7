// SPDX-License-Identifier: GPL-2.0
/*
 * A subscriber that refuses a range, beside test_hmm.
 */
#include "mnck_harness.h"
#include "hmm.h"

#define PEER hmm_refused
#define DRIVER "test_hmm"

#include "refused.h"

TEST_HARNESS_MAIN
