// SPDX-License-Identifier: GPL-2.0
/*
 * The functions of the kernel's rust/helpers/ that bench_c_calls and bench_rust_calls
 * call.  A kernel with CONFIG_RUST_INLINE_HELPERS has none that a module could call.
 */
#include <linux/cred.h>
#include <linux/pid.h>

#define __rust_helper

#include <atomic.c>
#include <err.c>
#include <mutex.c>
#include <refcount.c>
#include <slab.c>
#include <spinlock.c>
#include <task.c>
#include <uaccess.c>
