/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the drivers share: each counts the invalidations under way, as KVM does,
 * and notes an end without a start, for which KVM warns.
 */
#ifndef MNCK_FAULTY_DRIVER_H
#define MNCK_FAULTY_DRIVER_H

#include <linux/atomic.h>
#include <linux/mmu_notifier.h>

struct faulty_driver {
	struct mmu_notifier subscription;
	atomic_t open;
	/* Ends without a start that mnck_faulty_complains() has not returned yet. */
	atomic_t complaints;
};

struct mmu_notifier *faulty_alloc(struct mm_struct *mm);
void faulty_free(struct mmu_notifier *subscription);
int faulty_start(struct mmu_notifier *subscription, const struct mmu_notifier_range *range);
void faulty_end(struct mmu_notifier *subscription, const struct mmu_notifier_range *range);

/* A table for each mistake, see mnck_faults.h. */
extern const struct mmu_notifier_ops faulty_none;
extern const struct mmu_notifier_ops faulty_refuses;
extern const struct mmu_notifier_ops faulty_eagain;
extern const struct mmu_notifier_ops faulty_einval;
extern const struct mmu_notifier_ops faulty_failing_end;
extern const struct mmu_notifier_ops faulty_tolerant;
extern const struct mmu_notifier_ops faulty_oops;

extern const struct mmu_interval_notifier_ops faulty_interval_none;
extern const struct mmu_interval_notifier_ops faulty_interval_eagain;

/* A driver that sleeps or waits, in one of three callbacks. */
struct faulty_sleeper {
	struct mmu_notifier_ops in_start;
	struct mmu_notifier_ops in_end;
	struct mmu_interval_notifier_ops in_interval;
};

extern const struct faulty_sleeper faulty_msleep;
extern const struct faulty_sleeper faulty_schedule;
extern const struct faulty_sleeper faulty_mutex;
extern const struct faulty_sleeper faulty_mutex_free;
extern const struct faulty_sleeper faulty_gfp_kernel;
extern const struct faulty_sleeper faulty_yield;
extern const struct faulty_sleeper faulty_spin_lock;
extern const struct faulty_sleeper faulty_preempted;

/* Defines the sleeper faulty_##_how: its callback calls sleep_##_how() first. */
#define FAULTY_SLEEPER(_how)							\
static int start_##_how(struct mmu_notifier *subscription,			\
			const struct mmu_notifier_range *range)			\
{										\
	sleep_##_how(range);							\
	return faulty_start(subscription, range);				\
}										\
										\
static void end_##_how(struct mmu_notifier *subscription,			\
		       const struct mmu_notifier_range *range)			\
{										\
	sleep_##_how(range);							\
	faulty_end(subscription, range);					\
}										\
										\
static bool invalidate_##_how(struct mmu_interval_notifier *subscription,	\
			      const struct mmu_notifier_range *range,		\
			      unsigned long sequence)				\
{										\
	sleep_##_how(range);							\
	mmu_interval_set_seq(subscription, sequence);				\
	return true;								\
}										\
										\
const struct faulty_sleeper faulty_##_how = {					\
	.in_start = {								\
		.invalidate_range_start = start_##_how,				\
		.invalidate_range_end = faulty_end,				\
		.alloc_notifier = faulty_alloc,					\
		.free_notifier = faulty_free,					\
	},									\
	.in_end = {								\
		.invalidate_range_start = faulty_start,				\
		.invalidate_range_end = end_##_how,				\
		.alloc_notifier = faulty_alloc,					\
		.free_notifier = faulty_free,					\
	},									\
	.in_interval = { .invalidate = invalidate_##_how },			\
}

/* A driver that takes locks, in two callbacks. */
struct faulty_locker {
	struct mmu_interval_notifier_ops in_interval;
	struct mmu_notifier_ops in_release;
};

extern const struct faulty_locker faulty_lock_reclaim;
extern const struct faulty_locker faulty_lock_mmap;
extern const struct faulty_locker faulty_lock_last;

#endif /* MNCK_FAULTY_DRIVER_H */
