// SPDX-License-Identifier: GPL-2.0
/*
 * C for src/check and src/report: lockdep maps, warnings, and files.
 */
#include <linux/anon_inodes.h>
#include <linux/bug.h>
#include <linux/debugfs.h>
#include <linux/fcntl.h>
#include <linux/lockdep.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "helpers.h"

#ifdef CONFIG_LOCKDEP

/* Indexed by Callback of src/event/activity.rs. */
#define MAP(_nr, _name) STATIC_LOCKDEP_MAP_INIT("mnck_" _name, &maps[_nr])
static struct lockdep_map maps[] = {
	MAP(0, "start"),
	MAP(1, "end"),
	MAP(2, "release"),
	MAP(3, "invalidate"),
	MAP(4, "finish"),
	MAP(5, "flush"),
	MAP(6, "young"),
	MAP(7, "chain_start"),
	MAP(8, "chain_end"),
};

void mnck_helper_lock_map_acquire(unsigned int nr)
{
	lock_map_acquire(&maps[nr]);
}

void mnck_helper_lock_map_release(unsigned int nr)
{
	lock_map_release(&maps[nr]);
}

#else

void mnck_helper_lock_map_acquire(unsigned int nr)
{
}

void mnck_helper_lock_map_release(unsigned int nr)
{
}

#endif

void mnck_helper_warn(const char *line)
{
	WARN(true, "mnck: %s\n", line);
}

void mnck_helper_task_comm(struct task_struct *task, char comm[MNCK_SYMBOL_LEN])
{
	strscpy(comm, task->comm, MNCK_SYMBOL_LEN);
}

struct dentry *mnck_helper_debugfs_dir(const char *name)
{
	return debugfs_create_dir(name, NULL);
}

void mnck_helper_debugfs_file(const char *name, umode_t mode, struct dentry *dir,
			      const struct file_operations *fops)
{
	debugfs_create_file(name, mode, dir, NULL, fops);
}

void mnck_helper_debugfs_remove(struct dentry *dir)
{
	debugfs_remove(dir);
}

struct file *mnck_helper_record_file(const char *name, const struct file_operations *fops,
				     void *data)
{
	return anon_inode_getfile(name, fops, data, O_RDONLY | O_CLOEXEC);
}
