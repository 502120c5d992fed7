// SPDX-License-Identifier: GPL-2.0
/*
 * Makes one mistake while it loads, to prove that the rig reports it.
 */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

static char *what = "nothing";
module_param(what, charp, 0);
MODULE_PARM_DESC(what, "warn, two_warns, lockdep, atomic, use_after_free, oops, stuck or panic");

static DEFINE_MUTEX(a);
static DEFINE_MUTEX(b);

static void lock_a_then_b(void)
{
	mutex_lock(&a);
	mutex_lock(&b);
	mutex_unlock(&b);
	mutex_unlock(&a);
}

static void lock_b_then_a(void)
{
	mutex_lock(&b);
	mutex_lock(&a);
	mutex_unlock(&a);
	mutex_unlock(&b);
}

static void use_after_free(void)
{
	volatile char *freed = kzalloc(64, GFP_KERNEL);

	kfree((const void *)freed);
	if (freed)
		*freed;
}

static int __init rig_mistakes_init(void)
{
	if (!strcmp(what, "warn")) {
		WARN(1, "rig_mistakes: subscriber 7 broke a rule\n");
	} else if (!strcmp(what, "two_warns")) {
		WARN(1, "rig_mistakes: subscriber 7 broke a rule\n");
		WARN(1, "rig_mistakes: subscriber 7 broke another\n");
	} else if (!strcmp(what, "lockdep")) {
		lock_a_then_b();
		lock_b_then_a();
	} else if (!strcmp(what, "atomic")) {
		/* __might_resched() prints at most once a second. */
		schedule_timeout_uninterruptible(HZ + 1);
		preempt_disable();
		might_sleep();
		preempt_enable();
	} else if (!strcmp(what, "use_after_free")) {
		use_after_free();
	} else if (!strcmp(what, "oops")) {
		*(volatile int *)8 = 0;
	} else if (!strcmp(what, "stuck")) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		schedule();
	} else if (!strcmp(what, "panic")) {
		panic("rig_mistakes: the end\n");
	}
	return 0;
}
module_init(rig_mistakes_init);

static void __exit rig_mistakes_exit(void)
{
}
module_exit(rig_mistakes_exit);

MODULE_DESCRIPTION("Mistakes that mnck's rig must report");
MODULE_LICENSE("GPL");
