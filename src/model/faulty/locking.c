// SPDX-License-Identifier: GPL-2.0
/*
 * Drivers with a mutex, which their invalidation takes as it should, and their
 * release in one order or another with other locks.
 */
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "driver.h"

/*
 * As the users of HMM do.  At the exit all is dropped with the first call, the
 * release: the next one, for all that is unmapped, finds nothing to lock for.
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

/* Each has a mutex of its own, so that lockdep learns nothing of one from another. */
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

/* To reclaim is to invalidate what others have, and that takes the mutex. */
static void release_lock_reclaim(struct mmu_notifier *subscription, struct mm_struct *mm)
{
	mutex_lock(&lock_reclaim);
	kfree(kmalloc(64, GFP_KERNEL));
	mutex_unlock(&lock_reclaim);
}

LOCKER(lock_reclaim);

static DEFINE_MUTEX(lock_mmap);

/* Who invalidates has the mmap lock, more often than not. */
static void release_lock_mmap(struct mmu_notifier *subscription, struct mm_struct *mm)
{
	mutex_lock(&lock_mmap);
	mmap_read_lock(mm);
	mmap_read_unlock(mm);
	mutex_unlock(&lock_mmap);
}

LOCKER(lock_mmap);

static DEFINE_MUTEX(lock_last);

/* As it should be: whatever the invalidation is called under comes first. */
static void release_lock_last(struct mmu_notifier *subscription, struct mm_struct *mm)
{
	kfree(kmalloc(64, GFP_KERNEL));
	mmap_read_lock(mm);
	mutex_lock(&lock_last);
	mutex_unlock(&lock_last);
	mmap_read_unlock(mm);
}

LOCKER(lock_last);
