// SPDX-License-Identifier: GPL-2.0
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/kstrtox.h>
#include <linux/limits.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sysfs.h>

#include "helpers.h"
#include "parameters.h"
#include "probes.h"

/* The lock of the module's parameters, which sysfs holds, protects all that is written here. */

struct mnck_switch mnck_measures = { .key = STATIC_KEY_FALSE_INIT };

/*
 * Whether the module has been initialised and does not exit.  A parameter can be written
 * before and after that, but then it has no effect: if insmod fails, mnck is freed
 * without an exit, which would leave the probes registered.
 */
static bool applied;

/* Whether the probes are registered. */
static bool probing;

static void apply(void)
{
	bool probe = applied && mnck_probes.value;

	/*
	 * Each callback that the probes watch must begin a section of its own, or else what
	 * it does is recorded in the section of the callback around it.  So the key, without
	 * which none begins, is on as long as the probes are registered.
	 */
	if (applied && (mnck_latency_limit_ms.value || mnck_probes.value))
		static_branch_enable(&mnck_measures.key);
	if (probe && !probing)
		mnck_probe_register();
	if (!probe && probing)
		mnck_probe_unregister();
	probing = probe;
	if (!applied || (!mnck_latency_limit_ms.value && !mnck_probes.value))
		static_branch_disable(&mnck_measures.key);
}

void mnck_helper_parameters_apply(void)
{
	kernel_param_lock(THIS_MODULE);
	applied = true;
	apply();
	kernel_param_unlock(THIS_MODULE);
}

void mnck_helper_parameters_revoke(void)
{
	kernel_param_lock(THIS_MODULE);
	applied = false;
	apply();
	kernel_param_unlock(THIS_MODULE);
}

static int set(const char *text, const struct kernel_param *param)
{
	struct mnck_parameter *parameter = param->arg;
	unsigned int value;

	/* One error for each bad value: a number that is too great is none that is allowed. */
	if (!text || kstrtouint(text, 0, &value) || value > parameter->max)
		return -EINVAL;
	WRITE_ONCE(parameter->value, value);
	apply();
	return 0;
}

static int get(char *text, const struct kernel_param *param)
{
	const struct mnck_parameter *parameter = param->arg;

	return sysfs_emit(text, "%u\n", parameter->value);
}

static const struct kernel_param_ops ops = { .set = set, .get = get };

struct mnck_parameter mnck_max_subscribers = { .value = 1024, .max = UINT_MAX };
module_param_cb(max_subscribers, &ops, &mnck_max_subscribers, 0644);
MODULE_PARM_DESC(max_subscribers,
		 "Maximum number of subscribers per open file of /dev/mnck (default 1024)");

/* Times are at most INT_MAX: msecs_to_jiffies() takes what is greater for no limit. */
struct mnck_parameter mnck_wait_limit_ms = { .value = 10000, .max = INT_MAX };
module_param_cb(wait_limit_ms, &ops, &mnck_wait_limit_ms, 0644);
MODULE_PARM_DESC(wait_limit_ms,
		 "How long a task waits in callbacks for user space, in ms (default 10000)");

struct mnck_parameter mnck_latency_limit_ms = { .max = INT_MAX };
module_param_cb(latency_limit_ms, &ops, &mnck_latency_limit_ms, 0644);
MODULE_PARM_DESC(latency_limit_ms, "Report callbacks that take longer, in ms; 0: none (default 0)");

struct mnck_parameter mnck_stall_limit_ms = { .value = 10000, .max = INT_MAX };
module_param_cb(stall_limit_ms, &ops, &mnck_stall_limit_ms, 0644);
MODULE_PARM_DESC(stall_limit_ms,
		 "Report callbacks that have not returned for so long, in ms; 0: none (default 10000)");

struct mnck_parameter mnck_probes = { .max = 1 };
module_param_cb(probes, &ops, &mnck_probes, 0644);
MODULE_PARM_DESC(probes,
		 "1: also report what might have slept; slows down all locks (default 0)");

/* A chain allocates so many places at once. */
struct mnck_parameter mnck_chain_slots = { .value = 32, .max = 4096 };
module_param_cb(chain_slots, &ops, &mnck_chain_slots, 0644);
MODULE_PARM_DESC(chain_slots, "How many open ranges a new chain has memory for (default 32)");

/* The ledger is allocated when the module is loaded. */
struct mnck_parameter mnck_ledger_slots = { .value = 512, .max = 65536 };
module_param_cb(ledger_slots, &ops, &mnck_ledger_slots, 0444);
MODULE_PARM_DESC(ledger_slots, "How many tasks can be in callbacks at once (default 512)");

