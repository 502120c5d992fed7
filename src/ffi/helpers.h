/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Functions for Rust: macros and inline functions of C, which Rust cannot call, and
 * code that is simpler in C.  bindgen reads this file, see bindgen.mk.
 */
#ifndef MNCK_HELPERS_H
#define MNCK_HELPERS_H

#include <linux/types.h>

struct dentry;
struct file;
struct file_operations;
struct mm_struct;
struct module;
struct mmu_interval_notifier;
struct semaphore;
struct task_struct;

void mnck_helper_non_block_start(void);
void mnck_helper_non_block_end(void);
int mnck_helper_mmap_write_lock_killable(struct mm_struct *mm);
void mnck_helper_mmap_write_unlock(struct mm_struct *mm);

/*
 * Returns whether the current task is in a callback of an MMU notifier, of any
 * subscriber, by walking its stack.
 */
bool mnck_helper_in_callback(void);
/* Returns the same, and warns that a drop there leaks the registration. */
bool mnck_helper_warn_in_callback(void);

/*
 * Calls hmm_range_fault() under the mmap lock.  @entries has an entry for each page
 * of the range.
 */
int mnck_helper_hmm_range_fault(struct mmu_interval_notifier *notifier,
				unsigned long seq, unsigned long start,
				unsigned long end, bool write,
				unsigned long *entries);
/* Returns the frame number in an entry, or -1 if it has none. */
long mnck_helper_hmm_pfn(unsigned long entry);
bool mnck_helper_hmm_pfn_is_writable(unsigned long entry);

bool mnck_helper_current_is_killed(void);
void mnck_helper_sema_init(struct semaphore *sem, int val);

/*
 * The rest is only for mnck itself, not for other modules that include the
 * mmu_notifier directory.  Unless noted, it is in check.c.
 */

/* The size of a buffer for the name of a function or of a task. */
#define MNCK_SYMBOL_LEN 64

/*
 * Returns an address in the function that has called the MMU notifiers, if @task is
 * in a callback, by walking its stack; else 0.  In helpers.c.
 */
unsigned long mnck_helper_initiator(struct task_struct *task);
/* Writes the name of that function, if it is in the kernel itself.  In helpers.c. */
bool mnck_helper_initiator_name(struct task_struct *task, char name[MNCK_SYMBOL_LEN]);

/* Tasks, by id and by the address of the task, @key: see current.rs.  In tasks.c. */
bool mnck_helper_task_has_exited(pid_t pid, u64 key);
bool mnck_helper_task_waits_for_cpu(pid_t pid, u64 key);
bool mnck_helper_task_has_left(pid_t pid, u64 key, unsigned long address, u32 entry);
u32 mnck_helper_current_entry(void);
bool mnck_helper_task_initiator_name(pid_t pid, u64 key, char name[MNCK_SYMBOL_LEN]);

/*
 * The work item that calls @once after a second, and every second as long as that
 * returns true: see sweeper.rs.  In tasks.c.
 */
void mnck_helper_sweep_init(bool (*once)(void));
void mnck_helper_sweep_queue(void);
void mnck_helper_sweep_soon(void);
/* Calls @once at once, and returns when it has returned.  May sleep. */
void mnck_helper_sweep_finish(void);
void mnck_helper_sweep_stop(void);

/*
 * Returns the mm of a task, with a reference as of mmget(), if it is the mm of the caller or
 * the opener of @file may access the task; else -EPERM, -ESRCH or -EINTR.  In target.c.
 */
struct mm_struct *mnck_helper_access_mm(const struct file *file, struct task_struct *task);

/*
 * The processes that fork, execute a program or are reaped: see processes.rs.  In
 * processes.c.
 */

/* Has these functions called.  Returns 0, -EOPNOTSUPP or -ENOMEM.  Sleeps. */
int mnck_helper_processes_follow(void (*forked)(unsigned long parent, unsigned long child,
						unsigned long mm),
				 void (*executed)(unsigned long process, unsigned long mm,
						  bool is_secret),
				 void (*reaped)(unsigned long process));
/* When it returns, they are not called any more.  Sleeps. */
void mnck_helper_processes_leave(void);

/* Returns the id of the process that has @mm, or 0 if that is not known. */
int mnck_helper_owner_of(const struct mm_struct *mm);

/* Returns a file without a name, or an error pointer: see record_file.rs.  In check.c. */
struct file *mnck_helper_record_file(const char *name, const struct file_operations *fops,
				     void *data);

/* Lockdep maps: see lockdep.rs. */
void mnck_helper_lock_map_acquire(unsigned int nr);
void mnck_helper_lock_map_release(unsigned int nr);

/* Warns with "mnck: " and @line. */
void mnck_helper_warn(const char *line);
void mnck_helper_task_comm(struct task_struct *task, char comm[MNCK_SYMBOL_LEN]);

/*
 * The parameters of the module have an effect from apply to revoke.  Both may sleep.  In
 * parameters.c.
 */
void mnck_helper_parameters_apply(void);
void mnck_helper_parameters_revoke(void);

/*
 * Calls @turn when the parameter "watch" is set, which is at once if it was given when the
 * module was loaded, @goes when the code of a module has exited, and @comes before that of
 * a module is initialised.  All may sleep.  See watch.rs; in watch.c.
 */
int mnck_helper_watch_init(int (*turn)(bool on), void (*goes)(const struct module *module),
			   void (*comes)(const struct module *module));
/* Calls @turn to turn the watch off, if it is on.  None is called afterwards.  Sleeps. */
void mnck_helper_watch_exit(void);
/*
 * Turns the watch on, unless it is on, and keeps it on until the release.  Sleeps.
 */
int mnck_helper_watch_hold(void);
void mnck_helper_watch_release(void);
/* Returns whether an address is in a module. */
bool mnck_helper_module_has(const struct module *module, unsigned long address);
/* Returns whether an address is in mnck. */
bool mnck_helper_is_own(unsigned long address);

/* Work items: see work.rs.  In watch.c. */
#define MNCK_WORKS 2
void mnck_helper_work_init(unsigned int nr, void (*function)(void));
/* For any context: in a kprobe, and under any lock. */
void mnck_helper_work_queue(unsigned int nr);
/* Sleeps until the function has run for what was queued. */
void mnck_helper_work_finish(unsigned int nr);
/* Sleeps until the function does not run. */
void mnck_helper_work_stop(unsigned int nr);

/* Files in debugfs: see debugfs.rs. */
struct dentry *mnck_helper_debugfs_dir(const char *name);
void mnck_helper_debugfs_file(const char *name, umode_t mode, struct dentry *dir,
			      const struct file_operations *fops);
void mnck_helper_debugfs_remove(struct dentry *dir);

#endif /* MNCK_HELPERS_H */
