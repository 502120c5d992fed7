/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What C has as a macro or an inline function, and Rust therefore can't call.
 * bindgen reads this file, see ../Kbuild.
 */
#ifndef MNCK_HELPERS_H
#define MNCK_HELPERS_H

#include <linux/types.h>

struct mm_struct;
struct mmu_notifier_range;
struct semaphore;

bool mnck_helper_range_blockable(const struct mmu_notifier_range *range);
void mnck_helper_non_block_start(void);
void mnck_helper_non_block_end(void);
int mnck_helper_mmap_write_lock_killable(struct mm_struct *mm);
void mnck_helper_mmap_write_unlock(struct mm_struct *mm);
bool mnck_helper_current_is_killed(void);
void mnck_helper_sema_init(struct semaphore *sem, int val);

#endif /* MNCK_HELPERS_H */
