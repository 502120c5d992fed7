// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/notifier_mistakes: gives the process that writes to it the notifier of a driver.  Most
 * of these drivers make a mistake, for the tests of tools that watch MMU notifiers.  The module
 * knows no such tool.
 *
 *	DRIVER			registers a notifier of the driver (see table.c)
 *	DRIVER of PID		the same, to the address space of that process
 *	DRIVER MSECS		the same, for "slow"
 *	DRIVER START LEN	inserts an interval notifier
 *	-DRIVER			unregisters the driver's newest subscription of this file
 *	go			lets the starts of "hanging" go on
 *	use			calls the device of "unlocks_mutex"
 *	keep, unlock		calls the device of "keeps_mutex", and mends what that has done
 *	hold, release		holds back the work items of the unbound workqueue, and lets them go
 *	move DRIVER of PID	registers the driver's newest subscription of this file for another
 *				process; for "moved" and "registered_again"
 *
 * The last close of the file unregisters what is left.  A read gives a line for each
 * subscription of all files, with the calls of its callbacks: DRIVER BEGUN ENDED.
 */
#include <linux/cleanup.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "holding.h"
#include "keeping.h"
#include "mistakes.h"

/* All subscriptions, the newest first. */
static LIST_HEAD(subscriptions);
static DEFINE_MUTEX(list_lock);

static int begin_subscription(struct subscription *sub, struct mm_struct *mm, unsigned long start,
			      unsigned long len)
{
	int error;

	spin_lock_init(&sub->lock);
	if (sub->driver->hlist) {
		sub->hlist.ops = sub->driver->hlist;
		sub->msecs = start;
		if (sub->driver->hlist == &hanging_ops)
			hold_hanging();
		return mmu_notifier_register(&sub->hlist, mm);
	}
	error = mmu_interval_notifier_insert(&sub->interval, mm, start, len,
					     sub->driver->interval);
	if (!error && sub->driver->reads)
		mmu_interval_read_begin(&sub->interval);
	return ignores_insert_error(sub->driver, error) ? 0 : error;
}

/* Returns the address space of a process, which the caller puts, or NULL.  0 is the caller. */
static struct mm_struct *mm_of(pid_t nr)
{
	struct pid *pid = nr ? find_get_pid(nr) : get_pid(task_pid(current));
	struct task_struct *task = get_pid_task(pid, PIDTYPE_PID);
	struct mm_struct *mm = NULL;

	put_pid(pid);
	if (task) {
		mm = get_task_mm(task);
		put_task_struct(task);
	}
	return mm;
}

static int subscribe(struct file *file, const struct mistaken_driver *driver, pid_t pid,
		     unsigned long start, unsigned long len)
{
	struct subscription *sub = kzalloc_obj(*sub);
	struct mm_struct *mm;
	int error = -ESRCH;

	if (!sub)
		return -ENOMEM;
	sub->file = file;
	sub->driver = driver;
	mm = mm_of(pid);
	if (mm) {
		error = begin_subscription(sub, mm, start, len);
		mmput(mm);
	}
	if (error) {
		kfree(sub);
		return error;
	}
	guard(mutex)(&list_lock);
	list_add(&sub->node, &subscriptions);
	return 0;
}

/* Takes a file's newest subscription of a driver, or of any, out of the list. */
static struct subscription *take(struct file *file, const struct mistaken_driver *driver)
{
	struct subscription *sub;

	guard(mutex)(&list_lock);
	list_for_each_entry(sub, &subscriptions, node) {
		if (sub->file == file && (!driver || sub->driver == driver)) {
			list_del(&sub->node);
			return sub;
		}
	}
	return NULL;
}

/* Ends that subscription.  This may take for ever, so it does not hold the lock. */
static int unsubscribe(struct file *file, const struct mistaken_driver *driver)
{
	struct subscription *sub = take(file, driver);

	if (!sub)
		return -ENOENT;
	if (sub->driver->hlist)
		mmu_notifier_unregister(&sub->hlist, sub->hlist.mm);
	else
		mmu_interval_notifier_remove(&sub->interval);
	kfree(sub);
	return 0;
}

/* Registers a file's newest subscription of a driver for another process. */
static int move(struct file *file, const struct mistaken_driver *driver, pid_t pid)
{
	struct subscription *sub;
	struct mm_struct *mm;
	int error;

	if (driver->hlist != &moved_ops && driver->hlist != &registered_again_ops)
		return -EINVAL;
	mm = mm_of(pid);
	if (!mm)
		return -ESRCH;
	sub = take(file, driver);
	error = sub ? move_subscription(sub, mm) : -ENOENT;
	if (sub && error && error != -EBUSY && driver->hlist == &moved_ops) {
		/* It has ended. */
		kfree(sub);
	} else if (sub) {
		guard(mutex)(&list_lock);
		list_add(&sub->node, &subscriptions);
	}
	mmput(mm);
	return error;
}

static int session_release(struct inode *inode, struct file *file)
{
	let_work_go(file);
	unlock_kept(file);
	while (!unsubscribe(file, NULL))
		;
	return 0;
}

/* Executes a line. */
static int execute(struct file *file, const char *line)
{
	const struct mistaken_driver *driver;
	unsigned long start = 0, len = 0;
	char name[40];
	pid_t pid = 0;

	if (!strcmp(line, "go")) {
		let_hanging_go();
		return 0;
	}
	if (!strcmp(line, "use")) {
		call_that_unlocks();
		return 0;
	}
	if (!strcmp(line, "keep")) {
		call_that_keeps(file);
		return 0;
	}
	if (!strcmp(line, "unlock")) {
		unlock_kept(file);
		return 0;
	}
	if (!strcmp(line, "hold"))
		return hold_work(file);
	if (!strcmp(line, "release")) {
		let_work_go(file);
		return 0;
	}
	if (!strncmp(line, "move ", 5)) {
		if (sscanf(line + 5, "%39s of %d", name, &pid) != 2)
			return -EINVAL;
		driver = find_driver(name);
		return driver ? move(file, driver, pid) : -EINVAL;
	}
	if (sscanf(line, "%39s of %d", name, &pid) != 2 &&
	    sscanf(line, "%39s %li %li", name, &start, &len) < 1)
		return -EINVAL;
	driver = find_driver(name + (name[0] == '-'));
	if (!driver)
		return -EINVAL;
	return name[0] == '-' ? unsubscribe(file, driver) :
				subscribe(file, driver, pid, start, len);
}

static ssize_t session_write(struct file *file, const char __user *text, size_t len, loff_t *at)
{
	char line[96];
	int error;

	if (len >= sizeof(line))
		return -EINVAL;
	if (copy_from_user(line, text, len))
		return -EFAULT;
	line[len] = '\0';
	error = execute(file, strim(line));
	return error ?: len;
}

static ssize_t session_read(struct file *file, char __user *text, size_t size, loff_t *at)
{
	char *lines = kzalloc(PAGE_SIZE, GFP_KERNEL);
	struct subscription *sub;
	size_t len = 0;
	ssize_t ret;

	if (!lines)
		return -ENOMEM;
	mutex_lock(&list_lock);
	list_for_each_entry(sub, &subscriptions, node)
		len += scnprintf(lines + len, PAGE_SIZE - len, "%s %ld %ld\n", sub->driver->name,
				 atomic_long_read(&sub->begun), atomic_long_read(&sub->ended));
	mutex_unlock(&list_lock);
	ret = simple_read_from_buffer(text, size, at, lines, len);
	kfree(lines);
	return ret;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.release = session_release,
	.write = session_write,
	.read = session_read,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "notifier_mistakes",
	.fops = &operations,
	.mode = 0600,
};

static int __init mistakes_init(void)
{
	int error = catch_init();

	if (error)
		return error;
	error = misc_register(&device);
	if (error)
		catch_exit();
	return error;
}
module_init(mistakes_init);

static void __exit mistakes_exit(void)
{
	misc_deregister(&device);
	catch_exit();
}
module_exit(mistakes_exit);

MODULE_DESCRIPTION("Drivers that make mistakes with MMU notifiers, for the tests of mnck");
MODULE_LICENSE("GPL");
