// SPDX-License-Identifier: GPL-2.0
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

/*
 * The parameter that turns the observation of all drivers on and off, the modules that
 * come and go meanwhile, and the work items that do for probes what may sleep.
 */
#include <linux/cleanup.h>
#include <linux/errno.h>
#include <linux/irq_work.h>
#include <linux/kstrtox.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/printk.h>
#include <linux/sysfs.h>
#include <linux/workqueue.h>

#include "helpers.h"

/*
 * The lock of the module's parameters, which sysfs holds, protects these.  The observation
 * is on while the parameter is set or some file holds it.
 */
static bool watch;
static unsigned int holders;
static int (*turn)(bool on);

static int set(const char *text, const struct kernel_param *param)
{
	bool on;
	int ret = 0;

	if (!text || kstrtobool(text, &on))
		return -EINVAL;
	/* Before the module is initialised the value is all there is. */
	if (turn && on != watch && !holders)
		ret = turn(on);
	if (!ret)
		watch = on;
	return ret;
}

static int get(char *text, const struct kernel_param *param)
{
	return sysfs_emit(text, "%u\n", watch);
}

static const struct kernel_param_ops ops = { .set = set, .get = get };

module_param_cb(watch, &ops, NULL, 0644);
MODULE_PARM_DESC(watch, "1: observe the notifiers of all drivers and processes (default 0)");

static void (*module_goes)(const struct module *module);

static void (*module_comes)(const struct module *module);

static int module_changes(struct notifier_block *block, unsigned long state, void *module)
{
	if (state == MODULE_STATE_GOING)
		module_goes(module);
	else if (state == MODULE_STATE_COMING)
		module_comes(module);
	return NOTIFY_DONE;
}

static struct notifier_block modules = { .notifier_call = module_changes };

int mnck_helper_watch_init(int (*turn_watch)(bool on), void (*goes)(const struct module *module),
			   void (*comes)(const struct module *module))
{
	int ret;

	module_goes = goes;
	module_comes = comes;
	ret = register_module_notifier(&modules);
	if (ret)
		return ret;

	kernel_param_lock(THIS_MODULE);
	turn = turn_watch;
	if (watch) {
		ret = turn(true);
		watch = !ret;
	}
	kernel_param_unlock(THIS_MODULE);
	if (ret)
		pr_warn("watch=1 has no effect: error %d\n", ret);
	return 0;
}

void mnck_helper_watch_exit(void)
{
	kernel_param_lock(THIS_MODULE);
	if (watch)
		turn(false);
	watch = false;
	turn = NULL;
	kernel_param_unlock(THIS_MODULE);
	unregister_module_notifier(&modules);
}

int mnck_helper_watch_hold(void)
{
	int ret = 0;

	kernel_param_lock(THIS_MODULE);
	if (!watch && !holders)
		ret = turn(true);
	if (!ret)
		holders++;
	kernel_param_unlock(THIS_MODULE);
	return ret;
}

void mnck_helper_watch_release(void)
{
	kernel_param_lock(THIS_MODULE);
	if (!--holders && !watch)
		turn(false);
	kernel_param_unlock(THIS_MODULE);
}

bool mnck_helper_module_has(const struct module *module, unsigned long address)
{
	return within_module(address, module);
}

bool mnck_helper_is_own(unsigned long address)
{
	return within_module(address, THIS_MODULE);
}

struct item {
	/* A work item can't be queued in a kprobe, which is like a non-maskable interrupt. */
	struct irq_work queue;
	struct work_struct work;
	void (*function)(void);
};

static struct item items[MNCK_WORKS];

static void run(struct work_struct *work)
{
	container_of(work, struct item, work)->function();
}

static void queue(struct irq_work *queue)
{
	queue_work(system_dfl_wq, &container_of(queue, struct item, queue)->work);
}

void mnck_helper_work_init(unsigned int nr, void (*function)(void))
{
	items[nr].function = function;
	init_irq_work(&items[nr].queue, queue);
	INIT_WORK(&items[nr].work, run);
}

void mnck_helper_work_queue(unsigned int nr)
{
	irq_work_queue(&items[nr].queue);
}

void mnck_helper_work_finish(unsigned int nr)
{
	/* On PREEMPT_RT only one task at a time may wait in irq_work_sync(). */
	static DEFINE_MUTEX(finishing);

	guard(mutex)(&finishing);
	/*
	 * The function may queue its item again, for what has no place in one run.  A queue has
	 * places for as much as two runs tell.
	 */
	for (int i = 0; i < 3; i++) {
		irq_work_sync(&items[nr].queue);
		if (!flush_work(&items[nr].work))
			break;
	}
}

void mnck_helper_work_stop(unsigned int nr)
{
	irq_work_sync(&items[nr].queue);
	cancel_work_sync(&items[nr].work);
}
