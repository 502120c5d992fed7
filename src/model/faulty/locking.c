// SPDX-License-Identifier: GPL-2.0
/*
 * Drivers with a mutex.  Their interval callback takes it correctly.  Their release
 * takes it and other locks, in the wrong or in the right order.
 */
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "driver.h"

/*
 * Invalidates as the users of HMM do.  At exit the first call, with
 * MMU_NOTIFY_RELEASE, drops all translations.  The calls for the ranges that are
 * unmapped afterwards find nothing to drop, and take no lock.
 */
static bool invalidate(struct mmu_interval_notifier *subscription,
		       const struct mmu_notifier_range *range, unsigned long sequence,
		       struct mutex *lock)
{
	bool exits = !atomic_read(&range->mm->mm_users);

	if (exits && range->event != MMU_NOTIFY_RELEASE)
		return true;
	if (mmu_notifier_range_blockable(range))
		mutex_lock(lock);
	else if (!mutex_trylock(lock))
		return false;
	mmu_interval_set_seq(subscription, sequence);
	mutex_unlock(lock);
	return true;
}

/* Each driver has a mutex of its own, so that lockdep learns its lock order apart. */
#define LOCKER(_how)								\
static bool invalidate_##_how(struct mmu_interval_notifier *subscription,	\
			      const struct mmu_notifier_range *range,		\
			      unsigned long sequence)				\
{										\
	return invalidate(subscription, range, sequence, &_how);		\
}										\
										\
const struct faulty_locker faulty_##_how = {					\
	.in_interval = { .invalidate = invalidate_##_how },			\
	.in_release = { .release = release_##_how },				\
}

static DEFINE_MUTEX(lock_reclaim);

/* Wrong: direct reclaim may invalidate pages, and the interval callback takes the mutex. */
static void release_lock_reclaim(struct mmu_notifier *subscription, struct mm_struct *mm)
{
	mutex_lock(&lock_reclaim);
	kfree(kmalloc(64, GFP_KERNEL));
	mutex_unlock(&lock_reclaim);
}

LOCKER(lock_reclaim);

static DEFINE_MUTEX(lock_mmap);

/* Wrong: most initiators hold the mmap lock when the interval callback takes the mutex. */
static void release_lock_mmap(struct mmu_notifier *subscription, struct mm_struct *mm)
{
	mutex_lock(&lock_mmap);
	mmap_read_lock(mm);
	mmap_read_unlock(mm);
	mutex_unlock(&lock_mmap);
}

LOCKER(lock_mmap);

static DEFINE_MUTEX(lock_last);

/* Right: takes the mutex last, after the locks that an initiator may hold. */
static void release_lock_last(struct mmu_notifier *subscription, struct mm_struct *mm)
{
	kfree(kmalloc(64, GFP_KERNEL));
	mmap_read_lock(mm);
	mutex_lock(&lock_last);
	mutex_unlock(&lock_last);
	mmap_read_unlock(mm);
}

LOCKER(lock_last);
