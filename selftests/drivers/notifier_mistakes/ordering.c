// SPDX-License-Identifier: GPL-2.0
/*
 * Drivers with two subscriptions and a mutex.  The interval callback takes the mutex, as it may.
 * The release takes it too, and allocates memory, in the right order or in the wrong one.
 */
#include <linux/mutex.h>
#include <linux/slab.h>

#include "mistakes.h"

static DEFINE_MUTEX(ordered_lock);

static bool ordered_invalidate(struct mmu_interval_notifier *interval,
			       const struct mmu_notifier_range *range, unsigned long seq)
{
	mutex_lock(&ordered_lock);
	mutex_unlock(&ordered_lock);
	set_seq(to_interval(interval), seq);
	atomic_long_inc(&to_interval(interval)->begun);
	return true;
}

const struct mmu_interval_notifier_ops ordered_interval_ops = {
	.invalidate = ordered_invalidate,
};

/* Right: takes the mutex last. */
static void ordered_release(struct mmu_notifier *hlist, struct mm_struct *mm)
{
	kfree(kmalloc(64, GFP_KERNEL));
	mutex_lock(&ordered_lock);
	mutex_unlock(&ordered_lock);
	atomic_long_inc(&to_hlist(hlist)->ended);
}

const struct mmu_notifier_ops ordered_release_ops = {
	.release = ordered_release,
};

static DEFINE_MUTEX(circling_lock);

static bool circling_invalidate(struct mmu_interval_notifier *interval,
				const struct mmu_notifier_range *range, unsigned long seq)
{
	mutex_lock(&circling_lock);
	mutex_unlock(&circling_lock);
	set_seq(to_interval(interval), seq);
	atomic_long_inc(&to_interval(interval)->begun);
	return true;
}

const struct mmu_interval_notifier_ops circling_interval_ops = {
	.invalidate = circling_invalidate,
};

/* Wrong: direct reclaim may invalidate, and the interval callback takes the mutex. */
static void circling_release(struct mmu_notifier *hlist, struct mm_struct *mm)
{
	mutex_lock(&circling_lock);
	kfree(kmalloc(64, GFP_KERNEL));
	mutex_unlock(&circling_lock);
	atomic_long_inc(&to_hlist(hlist)->ended);
}

const struct mmu_notifier_ops circling_release_ops = {
	.release = circling_release,
};
