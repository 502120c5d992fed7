/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Locks, atomics and memory for the subscribers in C.  Without BENCH_RUST_HELPERS they
 * are those of C, most of which are inlined.  With BENCH_RUST_HELPERS they are calls of
 * the functions in the kernel's rust/helpers/, as in Rust code on a kernel without
 * CONFIG_RUST_INLINE_HELPERS.
 */
#ifndef BENCH_PRIMITIVES_H
#define BENCH_PRIMITIVES_H

#include <linux/atomic.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#ifdef BENCH_RUST_HELPERS

void rust_helper_spin_lock(spinlock_t *lock);
void rust_helper_spin_assert_is_held(spinlock_t *lock);
void rust_helper_spin_unlock(spinlock_t *lock);
void rust_helper_mutex_assert_is_held(struct mutex *lock);
void rust_helper_atomic64_add(s64 i, atomic64_t *v);
s64 rust_helper_atomic64_xchg_relaxed(atomic64_t *v, s64 i);
void *rust_helper_krealloc_node_align(const void *old, size_t size, unsigned long align,
				      gfp_t flags, int node);

static inline void bench_spin_lock(spinlock_t *lock)
{
	rust_helper_spin_lock(lock);
	rust_helper_spin_assert_is_held(lock);
}

static inline void bench_mutex_lock(struct mutex *lock)
{
	mutex_lock(lock);
	rust_helper_mutex_assert_is_held(lock);
}

static inline bool bench_mutex_trylock(struct mutex *lock)
{
	if (!mutex_trylock(lock))
		return false;
	rust_helper_mutex_assert_is_held(lock);
	return true;
}

static inline void *bench_alloc(size_t size, gfp_t flags)
{
	return rust_helper_krealloc_node_align(NULL, size, __alignof__(void *), flags,
					       NUMA_NO_NODE);
}

static inline void bench_free(const void *old)
{
	rust_helper_krealloc_node_align(old, 0, 1, 0, NUMA_NO_NODE);
}

#define bench_spin_unlock		rust_helper_spin_unlock
#define bench_atomic_add		rust_helper_atomic64_add
#define bench_atomic_xchg_relaxed	rust_helper_atomic64_xchg_relaxed

#else

#define bench_spin_lock			spin_lock
#define bench_spin_unlock		spin_unlock
#define bench_mutex_lock		mutex_lock
#define bench_mutex_trylock		mutex_trylock
#define bench_atomic_add		atomic64_add
#define bench_atomic_xchg_relaxed	atomic64_xchg_relaxed
#define bench_alloc			kmalloc
#define bench_free			kfree

#endif

#endif /* BENCH_PRIMITIVES_H */
