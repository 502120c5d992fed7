/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What C has as a macro or an inline function, and Rust therefore can't call;
 * and what is more easily said in C.  bindgen reads this file, see ../Kbuild.
 */
#ifndef MNCK_HELPERS_H
#define MNCK_HELPERS_H

#include <linux/types.h>

struct dentry;
struct mm_struct;
struct mmu_interval_notifier;
struct semaphore;
struct seq_file;
struct task_struct;

void mnck_helper_non_block_start(void);
void mnck_helper_non_block_end(void);
int mnck_helper_mmap_write_lock_killable(struct mm_struct *mm);
void mnck_helper_mmap_write_unlock(struct mm_struct *mm);

/*
 * Whether the current task is in a callback of an MMU notifier, of whatever
 * subscriber, as its stack shows.
 */
bool mnck_helper_in_callback(void);
/* The same; and if so, a WARN that says what comes of a drop there. */
bool mnck_helper_warn_in_callback(void);

/*
 * hmm_range_fault() under the mmap lock: entries has room for all pages of the
 * range.
 */
int mnck_helper_hmm_range_fault(struct mmu_interval_notifier *notifier,
				unsigned long seq, unsigned long start,
				unsigned long end, bool write,
				unsigned long *entries);
/* The frame number in an entry, or -1 if it has none. */
long mnck_helper_hmm_pfn(unsigned long entry);
bool mnck_helper_hmm_pfn_is_writable(unsigned long entry);

bool mnck_helper_current_is_killed(void);
void mnck_helper_sema_init(struct semaphore *sem, int val);

/*
 * The rest is for mnck itself, in check.c but for the first; another module that
 * includes the mmu_notifier directory has no use for it.
 */

/* Enough for the name of a function, and of a task. */
#define MNCK_SYMBOL_LEN 64

/*
 * Where the MMU notifiers were called from, if @task is in a callback, as its stack
 * shows: an address in that function, or 0.
 */
unsigned long mnck_helper_initiator(struct task_struct *task);
/* The name of that function, if it is one of the kernel's. */
bool mnck_helper_initiator_name(struct task_struct *task, char name[MNCK_SYMBOL_LEN]);

/* Lockdep maps: see lockdep.rs. */
void mnck_helper_lock_map_acquire(unsigned int nr);
void mnck_helper_lock_map_release(unsigned int nr);

/* WARN() with "mnck: " and a line. */
void mnck_helper_warn(const char *line);
void mnck_helper_task_comm(struct task_struct *task, char comm[MNCK_SYMBOL_LEN]);

/* Tables in debugfs: see debugfs.rs. */
struct dentry *mnck_helper_debugfs_dir(const char *name);
void mnck_helper_debugfs_table(const char *name, struct dentry *dir,
			       int (*show)(struct seq_file *file, void *unused));
void mnck_helper_debugfs_remove(struct dentry *dir);

#endif /* MNCK_HELPERS_H */
