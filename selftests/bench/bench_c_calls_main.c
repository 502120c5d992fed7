// SPDX-License-Identifier: GPL-2.0
/* The module with the subscribers in C that call the functions of rust/helpers/. */
#define BENCH_RUST_HELPERS
#include "bench_module.h"

MODULE_DESCRIPTION("Subscribers to measure, in C, with the calls of Rust");
