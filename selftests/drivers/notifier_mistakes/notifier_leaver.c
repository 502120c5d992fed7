// SPDX-License-Identifier: GPL-2.0
/*
 * A driver that subscribes to the process that inserts it, and that may be removed too early:
 * while it still has a subscription, or before one that it has put was freed.
 */
#include <linux/mm_types.h>
#include <linux/mmu_notifier.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "catch.h"

static char *driver = "tidy";
module_param(driver, charp, 0);
MODULE_PARM_DESC(driver, "tidy, left, put_tidy or put");

static int left_behind_start(struct mmu_notifier *hlist, const struct mmu_notifier_range *range)
{
	return 0;
}

/* Wrong: the exit function does not unregister it. */
static const struct mmu_notifier_ops left_behind_ops = {
	.invalidate_range_start = left_behind_start,
};

static int tidy_start(struct mmu_notifier *hlist, const struct mmu_notifier_range *range)
{
	return 0;
}

static const struct mmu_notifier_ops tidy_ops = {
	.invalidate_range_start = tidy_start,
};

static struct mmu_notifier *alloc_notifier(struct mm_struct *mm)
{
	struct mmu_notifier *hlist = kzalloc_obj(*hlist);

	return hlist ?: ERR_PTR(-ENOMEM);
}

static void free_notifier(struct mmu_notifier *hlist)
{
	kfree(hlist);
}

static int put_start(struct mmu_notifier *hlist, const struct mmu_notifier_range *range)
{
	return 0;
}

/* Wrong: the exit function does not wait until it is freed. */
static const struct mmu_notifier_ops put_ops = {
	.invalidate_range_start = put_start,
	.alloc_notifier = alloc_notifier,
	.free_notifier = free_notifier,
};

static int put_tidy_start(struct mmu_notifier *hlist, const struct mmu_notifier_range *range)
{
	return 0;
}

static const struct mmu_notifier_ops put_tidy_ops = {
	.invalidate_range_start = put_tidy_start,
	.alloc_notifier = alloc_notifier,
	.free_notifier = free_notifier,
};

static struct mmu_notifier subscription;
/* The subscription, if it is counted. */
static struct mmu_notifier *counted;

static bool is(const char *name)
{
	return !strcmp(driver, name);
}

static int __init leaver_init(void)
{
	int error;

	if (is("put") || is("put_tidy")) {
		counted = mmu_notifier_get(is("put") ? &put_ops : &put_tidy_ops, current->mm);
		if (IS_ERR(counted))
			return PTR_ERR(counted);
		/* The same one, again. */
		if (is("put_tidy") && mmu_notifier_get(&put_tidy_ops, current->mm) != counted) {
			mmu_notifier_put(counted);
			return -EINTR;
		}
		catch_at_exit(THIS_MODULE, NULL);
		return 0;
	}
	if (!is("left") && !is("tidy"))
		return -EINVAL;
	subscription.ops = is("left") ? &left_behind_ops : &tidy_ops;
	error = mmu_notifier_register(&subscription, current->mm);
	if (!error)
		catch_at_exit(THIS_MODULE, is("left") ? &subscription : NULL);
	return error;
}
module_init(leaver_init);

static void __exit leaver_exit(void)
{
	if (is("tidy"))
		mmu_notifier_unregister(&subscription, subscription.mm);
	if (counted)
		mmu_notifier_put(counted);
	if (is("put_tidy")) {
		mmu_notifier_put(counted);
		mmu_notifier_synchronize();
	}
}
module_exit(leaver_exit);

MODULE_DESCRIPTION("A driver that forgets its subscription, for the tests of mnck");
MODULE_LICENSE("GPL");
