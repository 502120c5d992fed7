// SPDX-License-Identifier: GPL-2.0
/*
 * The table of mistakes: which driver makes which mistake.
 */
#include <linux/kernel.h>
#include <linux/nospec.h>

#include "../../device/mnck_faults.h"
#include "driver.h"
#include "faulty.h"

#define SLEEPER(_sleeper) {			\
	.in_start = &(_sleeper).in_start,	\
	.in_end = &(_sleeper).in_end,		\
	.in_interval = &(_sleeper).in_interval,	\
}

#define LOCKER(_locker) {			\
	.in_interval = &(_locker).in_interval,	\
	.in_release = &(_locker).in_release,	\
}

static const struct {
	const struct mmu_notifier_ops *in_start;
	const struct mmu_notifier_ops *in_end;
	const struct mmu_notifier_ops *in_release;
	const struct mmu_interval_notifier_ops *in_interval;
} faults[] = {
	[MNCK_FAULT_NONE] = {
		.in_start = &faulty_none,
		.in_interval = &faulty_interval_none,
	},
	[MNCK_FAULT_REFUSES] = { .in_start = &faulty_refuses },
	[MNCK_FAULT_EAGAIN] = {
		.in_start = &faulty_eagain,
		.in_interval = &faulty_interval_eagain,
	},
	[MNCK_FAULT_EINVAL] = { .in_start = &faulty_einval },
	[MNCK_FAULT_FAILING_END] = { .in_start = &faulty_failing_end },
	[MNCK_FAULT_MSLEEP] = SLEEPER(faulty_msleep),
	[MNCK_FAULT_SCHEDULE] = SLEEPER(faulty_schedule),
	[MNCK_FAULT_MUTEX] = SLEEPER(faulty_mutex),
	[MNCK_FAULT_MUTEX_FREE] = SLEEPER(faulty_mutex_free),
	[MNCK_FAULT_GFP_KERNEL] = SLEEPER(faulty_gfp_kernel),
	[MNCK_FAULT_YIELD] = SLEEPER(faulty_yield),
	[MNCK_FAULT_SPIN_LOCK] = SLEEPER(faulty_spin_lock),
	[MNCK_FAULT_PREEMPTED] = SLEEPER(faulty_preempted),
	[MNCK_FAULT_TOLERANT] = { .in_start = &faulty_tolerant },
	[MNCK_FAULT_LOCK_RECLAIM] = LOCKER(faulty_lock_reclaim),
	[MNCK_FAULT_LOCK_MMAP] = LOCKER(faulty_lock_mmap),
	[MNCK_FAULT_LOCK_LAST] = LOCKER(faulty_lock_last),
	[MNCK_FAULT_OOPS] = { .in_start = &faulty_oops },
};

const struct mmu_notifier_ops *mnck_faulty_ops(unsigned int fault, unsigned int place)
{
	if (fault >= ARRAY_SIZE(faults))
		return NULL;
	fault = array_index_nospec(fault, ARRAY_SIZE(faults));
	switch (place) {
	case MNCK_IN_START:
		return faults[fault].in_start;
	case MNCK_IN_END:
		return faults[fault].in_end;
	case MNCK_IN_RELEASE:
		return faults[fault].in_release;
	default:
		return NULL;
	}
}

const struct mmu_interval_notifier_ops *mnck_faulty_interval_ops(unsigned int fault)
{
	if (fault >= ARRAY_SIZE(faults))
		return NULL;
	fault = array_index_nospec(fault, ARRAY_SIZE(faults));
	return faults[fault].in_interval;
}
