// SPDX-License-Identifier: GPL-2.0
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/mmu_notifier.h>
#include <linux/sched/signal.h>
#include <linux/semaphore.h>

#include "helpers.h"

bool mnck_helper_range_blockable(const struct mmu_notifier_range *range)
{
	return mmu_notifier_range_blockable(range);
}

void mnck_helper_non_block_start(void)
{
	non_block_start();
}

void mnck_helper_non_block_end(void)
{
	non_block_end();
}

int mnck_helper_mmap_write_lock_killable(struct mm_struct *mm)
{
	return mmap_write_lock_killable(mm);
}

void mnck_helper_mmap_write_unlock(struct mm_struct *mm)
{
	mmap_write_unlock(mm);
}

bool mnck_helper_current_is_killed(void)
{
	return fatal_signal_pending(current);
}

void mnck_helper_sema_init(struct semaphore *sem, int val)
{
	sema_init(sem, val);
}
