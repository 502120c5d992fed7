// SPDX-License-Identifier: GPL-2.0
/* The module with the subscribers in plain C. */
#include "bench_module.h"

MODULE_DESCRIPTION("Subscribers to measure, in C");
