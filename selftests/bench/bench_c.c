// SPDX-License-Identifier: GPL-2.0
/* The subscribers in plain C. */
#include "bench_twin.h"

MODULE_DESCRIPTION("Subscribers to measure, in C");
