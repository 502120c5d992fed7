// SPDX-License-Identifier: GPL-2.0
/*
 * Drivers whose start fails: for a blockable range, with a code other than
 * -EAGAIN, although the driver has an end, or by an oops.  One driver refuses as
 * it should.
 */
#include <linux/compiler.h>
#include <linux/slab.h>

#include "driver.h"
#include "faulty.h"

static struct faulty_driver *driver_of(struct mmu_notifier *subscription)
{
	return container_of(subscription, struct faulty_driver, subscription);
}

struct mmu_notifier *faulty_alloc(struct mm_struct *mm)
{
	struct faulty_driver *driver = kzalloc_obj(*driver);

	return driver ? &driver->subscription : ERR_PTR(-ENOMEM);
}

void faulty_free(struct mmu_notifier *subscription)
{
	kfree(driver_of(subscription));
}

int faulty_start(struct mmu_notifier *subscription, const struct mmu_notifier_range *range)
{
	atomic_inc(&driver_of(subscription)->open);
	return 0;
}

void faulty_end(struct mmu_notifier *subscription, const struct mmu_notifier_range *range)
{
	struct faulty_driver *driver = driver_of(subscription);

	/* KVM warns here, without naming a driver. */
	if (atomic_dec_if_positive(&driver->open) < 0)
		atomic_inc(&driver->complaints);
}

bool mnck_faulty_complains(struct mmu_notifier *subscription)
{
	/* A driver without an end has no count. */
	if (subscription->ops->alloc_notifier != faulty_alloc)
		return false;
	return atomic_dec_if_positive(&driver_of(subscription)->complaints) >= 0;
}

const struct mmu_notifier_ops faulty_none = {
	.invalidate_range_start = faulty_start,
	.invalidate_range_end = faulty_end,
	.alloc_notifier = faulty_alloc,
	.free_notifier = faulty_free,
};

/* nouveau has such a start. */
static int refuse(struct mmu_notifier *subscription, const struct mmu_notifier_range *range)
{
	return mmu_notifier_range_blockable(range) ? 0 : -EAGAIN;
}

const struct mmu_notifier_ops faulty_refuses = {
	.invalidate_range_start = refuse,
};

static int fail_eagain(struct mmu_notifier *subscription, const struct mmu_notifier_range *range)
{
	return -EAGAIN;
}

const struct mmu_notifier_ops faulty_eagain = {
	.invalidate_range_start = fail_eagain,
};

static int fail_einval(struct mmu_notifier *subscription, const struct mmu_notifier_range *range)
{
	return -EINVAL;
}

const struct mmu_notifier_ops faulty_einval = {
	.invalidate_range_start = fail_einval,
};

/* The task dies here, and its callback never returns. */
static int oops(struct mmu_notifier *subscription, const struct mmu_notifier_range *range)
{
	int *nothing = NULL;

	return READ_ONCE(*nothing);
}

const struct mmu_notifier_ops faulty_oops = {
	.invalidate_range_start = oops,
};

/* RDMA ODP had such a start, and an end, until 2019. */
static int refuse_or_count(struct mmu_notifier *subscription,
			   const struct mmu_notifier_range *range)
{
	if (!mmu_notifier_range_blockable(range))
		return -EAGAIN;
	return faulty_start(subscription, range);
}

const struct mmu_notifier_ops faulty_failing_end = {
	.invalidate_range_start = refuse_or_count,
	.invalidate_range_end = faulty_end,
	.alloc_notifier = faulty_alloc,
	.free_notifier = faulty_free,
};

/* Ends nothing for a non-blockable range, which the start has refused. */
static void end_what_was_begun(struct mmu_notifier *subscription,
			       const struct mmu_notifier_range *range)
{
	if (mmu_notifier_range_blockable(range))
		faulty_end(subscription, range);
}

const struct mmu_notifier_ops faulty_tolerant = {
	.invalidate_range_start = refuse_or_count,
	.invalidate_range_end = end_what_was_begun,
	.alloc_notifier = faulty_alloc,
	.free_notifier = faulty_free,
};

static bool succeed(struct mmu_interval_notifier *subscription,
		    const struct mmu_notifier_range *range, unsigned long sequence)
{
	mmu_interval_set_seq(subscription, sequence);
	return true;
}

const struct mmu_interval_notifier_ops faulty_interval_none = {
	.invalidate = succeed,
};

/* mshv has such a callback: it fails if a hypercall fails. */
static bool fail(struct mmu_interval_notifier *subscription,
		 const struct mmu_notifier_range *range, unsigned long sequence)
{
	return false;
}

const struct mmu_interval_notifier_ops faulty_interval_eagain = {
	.invalidate = fail,
};
