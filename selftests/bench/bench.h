/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the modules that are compared have in common: their devices, which
 * attach subscribers to the caller's address space.
 */
#ifndef BENCH_H
#define BENCH_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* What a subscriber is, and what it does. */
enum bench_flavour {
	/* As KVM: counts the ranges that are open, under a spin lock. */
	BENCH_PAIRED,
	/* As RDMA ODP: takes a mutex, or refuses. */
	BENCH_FALLIBLE,
	/* As an IOMMU: counts flushes, and bytes of them. */
	BENCH_SECONDARY_TLB,
	/* Says whether it was used since it was last asked. */
	BENCH_AGING,
	/* As BENCH_PAIRED, got and put: one for each open file. */
	BENCH_SHARED,
	/* Intervals: count invalidations, and bytes of them, under the user lock. */
	BENCH_MUTEX,
	BENCH_SPIN,
	/* And once more, in a second pass. */
	BENCH_TWO_PASS,
};

/* Attach @count subscribers; intervals at @start, @start + @stride, ... */
struct bench_attach {
	__u64 flavour;
	__u64 count;
	__u64 start;
	__u64 length;
	__u64 stride;
};

#define BENCH_ATTACH	_IOW('b', 0, struct bench_attach)
#define BENCH_DETACH	_IO('b', 1)
/* Returns how many callbacks the attached subscribers have had. */
#define BENCH_CALLS	_IO('b', 2)

#endif /* BENCH_H */
