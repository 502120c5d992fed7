// SPDX-License-Identifier: GPL-2.0
/*
 * Drivers whose device has a mutex: a call of the device takes it, and so does each start.
 */
#include <linux/cleanup.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>

#include "keeping.h"
#include "mistakes.h"

/* Refuses if it would have to wait and must not. */
static int start_with(struct mutex *lock, struct mmu_notifier *hlist,
		      const struct mmu_notifier_range *range)
{
	if (mmu_notifier_range_blockable(range))
		mutex_lock(lock);
	else if (!mutex_trylock(lock))
		return -EAGAIN;
	atomic_long_inc(&to_hlist(hlist)->begun);
	mutex_unlock(lock);
	return 0;
}

static DEFINE_MUTEX(kept);
/* The file whose call has kept it.  Only the task that has the mutex uses this. */
static struct file *keeper;

/* Waits as long as a call of the device keeps the mutex. */
static int keeps_mutex_start(struct mmu_notifier *hlist, const struct mmu_notifier_range *range)
{
	return start_with(&kept, hlist, range);
}

const struct mmu_notifier_ops keeps_mutex_ops = {
	.invalidate_range_start = keeps_mutex_start,
};

/* Right: the call of the device unlocks the mutex. */
static DEFINE_MUTEX(unlocked);

static int unlocks_mutex_start(struct mmu_notifier *hlist, const struct mmu_notifier_range *range)
{
	return start_with(&unlocked, hlist, range);
}

const struct mmu_notifier_ops unlocks_mutex_ops = {
	.invalidate_range_start = unlocks_mutex_start,
};

void call_that_unlocks(void)
{
	guard(mutex)(&unlocked);
}

/*
 * Wrong: returns to user space with the mutex.  Lockdep would report that, and turn itself
 * off.
 */
void call_that_keeps(struct file *file)
{
	lockdep_off();
	mutex_lock(&kept);
	lockdep_on();
	keeper = file;
}

void unlock_kept(struct file *file)
{
	if (READ_ONCE(keeper) != file)
		return;
	keeper = NULL;
	lockdep_off();
	mutex_unlock(&kept);
	lockdep_on();
}
