// SPDX-License-Identifier: GPL-2.0
/*
 * Ends what a module has forgotten to end, so that the machine goes on.
 */
#include <linux/export.h>
#include <linux/mmu_notifier.h>
#include <linux/module.h>
#include <linux/notifier.h>

#include "catch.h"
#include "mistakes.h"

static struct module *falls;
static struct mmu_notifier *leaves;

void catch_at_exit(struct module *module, struct mmu_notifier *left)
{
	falls = module;
	leaves = left;
}
EXPORT_SYMBOL_GPL(catch_at_exit);

static int module_event(struct notifier_block *block, unsigned long event, void *module)
{
	if (event != MODULE_STATE_GOING || module != falls)
		return NOTIFY_DONE;
	if (leaves)
		mmu_notifier_unregister(leaves, leaves->mm);
	mmu_notifier_synchronize();
	falls = NULL;
	return NOTIFY_OK;
}

/* After all others. */
static struct notifier_block net = { .notifier_call = module_event, .priority = INT_MIN };

int catch_init(void)
{
	return register_module_notifier(&net);
}

void catch_exit(void)
{
	unregister_module_notifier(&net);
}
