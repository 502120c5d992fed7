// SPDX-License-Identifier: GPL-2.0
/* The subscribers in C, calling the functions that Rust code has to call. */
#define BENCH_RUST_HELPERS
#include "bench_twin.h"

MODULE_DESCRIPTION("Subscribers to measure, in C, with Rust's primitives");
