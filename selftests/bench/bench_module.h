/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The code of the modules bench_c and bench_c_calls, which do the same as
 * bench_rust_main.rs.  The two differ only in bench_primitives.h.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/uaccess.h>

#include "bench_hlist.h"
#include "bench_interval.h"

struct attached {
	u64 kind;
	union {
		struct mmu_notifier *notifier;
		struct mmu_interval_notifier *interval;
	};
};

/* The state of an open file. */
struct session {
	struct mutex lock;	/* protects all members below */
	struct attached *attached;
	size_t count;
	struct mmu_notifier_ops shared_ops;
};

static int attach_shared(struct session *session, struct attached *attached)
{
	attached->notifier = mmu_notifier_get(&session->shared_ops, current->mm);
	return PTR_ERR_OR_ZERO(attached->notifier);
}

static int attach_hlist(struct attached *attached)
{
	const struct hlist_kind *kind = &hlist_kinds[attached->kind];
	int ret;

	attached->notifier = kind->alloc(current->mm);
	if (IS_ERR(attached->notifier))
		return PTR_ERR(attached->notifier);
	attached->notifier->ops = kind->ops;
	ret = mmu_notifier_register(attached->notifier, current->mm);
	if (ret)
		kind->free(attached->notifier);
	return ret;
}

static int attach_interval(struct attached *attached, unsigned long start, unsigned long length)
{
	const struct interval_kind *kind = &interval_kinds[attached->kind];
	int ret;

	attached->interval = kind->alloc();
	if (!attached->interval)
		return -ENOMEM;
	ret = mmu_interval_notifier_insert(attached->interval, current->mm, start, length,
					   kind->ops);
	if (ret)
		kind->free(attached->interval);
	return ret;
}

static void detach(struct attached *attached)
{
	if (attached->kind == BENCH_SHARED) {
		mmu_notifier_put(attached->notifier);
	} else if (attached->kind < BENCH_SHARED) {
		mmu_notifier_unregister(attached->notifier, attached->notifier->mm);
		hlist_kinds[attached->kind].free(attached->notifier);
	} else {
		mmu_interval_notifier_remove(attached->interval);
		interval_kinds[attached->kind].free(attached->interval);
	}
}

static unsigned long calls(const struct attached *attached)
{
	if (attached->kind <= BENCH_SHARED)
		return hlist_kinds[attached->kind].calls(attached->notifier);
	return interval_kinds[attached->kind].calls(attached->interval);
}

static int bench_attach(struct session *session, const struct bench_attach *attach)
{
	struct attached *attached;
	size_t i;
	int ret;

	if (attach->kind > BENCH_TWO_PASS)
		return -EINVAL;
	attached = kvrealloc(session->attached,
			     array_size(size_add(session->count, attach->count), sizeof(*attached)),
			     GFP_KERNEL);
	if (!attached)
		return -ENOMEM;
	session->attached = attached;
	for (i = 0; i < attach->count; i++) {
		attached = &session->attached[session->count];
		attached->kind = attach->kind;
		if (attach->kind == BENCH_SHARED)
			ret = attach_shared(session, attached);
		else if (attach->kind < BENCH_SHARED)
			ret = attach_hlist(attached);
		else
			ret = attach_interval(attached, attach->start + i * attach->stride,
					      attach->length);
		if (ret)
			return ret;
		session->count++;
	}
	return 0;
}

static void bench_detach(struct session *session)
{
	size_t i;

	for (i = 0; i < session->count; i++)
		detach(&session->attached[i]);
	kvfree(session->attached);
	session->attached = NULL;
	session->count = 0;
}

static long bench_calls(const struct session *session)
{
	unsigned long sum = 0;
	size_t i;

	for (i = 0; i < session->count; i++)
		sum += calls(&session->attached[i]);
	return sum;
}

static long bench_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct session *session = file->private_data;
	struct bench_attach attach;

	guard(mutex)(&session->lock);
	switch (cmd) {
	case BENCH_ATTACH:
		if (copy_from_user(&attach, (void __user *)arg, sizeof(attach)))
			return -EFAULT;
		return bench_attach(session, &attach);
	case BENCH_DETACH:
		bench_detach(session);
		return 0;
	case BENCH_CALLS:
		return bench_calls(session);
	}
	return -ENOTTY;
}

static int bench_open(struct inode *inode, struct file *file)
{
	struct session *session = kzalloc_obj(*session);

	if (!session)
		return -ENOMEM;
	mutex_init(&session->lock);
	session->shared_ops = counter_ops;
	session->shared_ops.alloc_notifier = counter_alloc;
	session->shared_ops.free_notifier = counter_free;
	file->private_data = session;
	return 0;
}

static int bench_release(struct inode *inode, struct file *file)
{
	struct session *session = file->private_data;

	bench_detach(session);
	/* Until then the core may still call free_notifier of shared_ops. */
	mmu_notifier_synchronize();
	kfree(session);
	return 0;
}

static const struct file_operations bench_fops = {
	.owner = THIS_MODULE,
	.open = bench_open,
	.release = bench_release,
	.unlocked_ioctl = bench_ioctl,
};

static struct miscdevice bench_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = KBUILD_MODNAME,
	.fops = &bench_fops,
};
module_misc_device(bench_device);

MODULE_LICENSE("GPL");
