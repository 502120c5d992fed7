/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ioctls of /dev/bench_c, /dev/bench_rust, /dev/bench_c_calls and
 * /dev/bench_rust_calls, which attach subscribers to the caller's address space.
 */
#ifndef BENCH_H
#define BENCH_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* The kinds of subscribers, and what each does. */
enum bench_kind {
	/* Like KVM: counts the open ranges, under a spin lock. */
	BENCH_PAIRED,
	/* Like RDMA ODP: takes a mutex, or refuses a non-blockable range. */
	BENCH_FALLIBLE,
	/* Like an IOMMU: counts flushes and flushed bytes. */
	BENCH_SECONDARY_TLB,
	/* Answers whether its device was used since the last question. */
	BENCH_AGING,
	/* Like BENCH_PAIRED, by mmu_notifier_get() and _put(): one for each open file. */
	BENCH_SHARED,
	/* Intervals: count invalidations and their bytes, under a user lock of this type. */
	BENCH_MUTEX,
	BENCH_SPIN,
	/* As BENCH_MUTEX, and count once more in a second pass. */
	BENCH_TWO_PASS,
};

/*
 * BENCH_ATTACH: attaches @count subscribers; intervals are of @length bytes each, at
 * @start, @start + @stride, and so on.
 */
struct bench_attach {
	__u64 kind;
	__u64 count;
	__u64 start;
	__u64 length;
	__u64 stride;
};

#define BENCH_ATTACH	_IOW('b', 0, struct bench_attach)
#define BENCH_DETACH	_IO('b', 1)
/* Returns how often the callbacks of all attached subscribers were called. */
#define BENCH_CALLS	_IO('b', 2)

#endif /* BENCH_H */
