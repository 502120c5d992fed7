// SPDX-License-Identifier: GPL-2.0
/*
 * The drivers by name.  A driver without a mistake stands before those that differ from it
 * in their mistake only.
 */
#include <linux/array_size.h>
#include <linux/string.h>

#include "mistakes.h"

#define HLIST(_name) { .name = #_name, .hlist = &_name##_ops }
#define INTERVAL(_name) { .name = #_name, .interval = &_name##_ops, .reads = true }

static const struct mistaken_driver drivers[] = {
	HLIST(clean),
	HLIST(nesting),
	HLIST(aging),
	HLIST(slow),
	HLIST(hanging),
	HLIST(unlocks_mutex),
	HLIST(keeps_mutex),
	HLIST(oopsing),
	HLIST(moved),
	HLIST(registered_again),
	HLIST(refusing),
	HLIST(wrong_code),
	HLIST(failing),
	HLIST(refuses_blockable),
	HLIST(refuses_with_end),
	HLIST(sleeps_if_blockable),
	HLIST(clean_tlbs),
	HLIST(sleeping_tlbs),
	INTERVAL(clean_interval),
	INTERVAL(forgetful),
	/* This one needs no sequence: it never asks for one. */
	{ .name = "never_reads", .interval = &never_reads_ops },
	INTERVAL(refusing_interval),
	INTERVAL(refuses_blockable_interval),
	INTERVAL(clean_two_pass),
	INTERVAL(sleeping_finish),
	INTERVAL(refusing_two_pass),
	INTERVAL(leaves_finish),
	INTERVAL(inserted),
	INTERVAL(uninserted),
	HLIST(preempted_start),
	HLIST(preempted_end),
	INTERVAL(preempted_interval),
	HLIST(spinning_start),
	HLIST(spinning_end),
	INTERVAL(spinning_interval),
	HLIST(sleeping_start),
	HLIST(sleeping_end),
	INTERVAL(sleeping_interval),
	HLIST(contending_start),
	HLIST(contending_end),
	INTERVAL(contending_interval),
	HLIST(locking_start),
	HLIST(locking_end),
	INTERVAL(locking_interval),
	HLIST(allocating_start),
	HLIST(allocating_end),
	INTERVAL(allocating_interval),
	INTERVAL(ordered_interval),
	HLIST(ordered_release),
	INTERVAL(circling_interval),
	HLIST(circling_release),
	HLIST(yielding_start),
	HLIST(yielding_end),
	INTERVAL(yielding_interval),
};

const struct mistaken_driver *find_driver(const char *name)
{
	for (int i = 0; i < ARRAY_SIZE(drivers); i++)
		if (!strcmp(drivers[i].name, name))
			return &drivers[i];
	return NULL;
}
