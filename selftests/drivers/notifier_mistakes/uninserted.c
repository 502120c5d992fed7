// SPDX-License-Identifier: GPL-2.0
/*
 * A driver that does not look at what mmu_interval_notifier_insert() returns, and a driver that
 * does.
 *
 * The core removes an interval that it has not inserted as any other.  It warns, changes no
 * tree, and drops a reference to the mm that the insert has not taken.  But while a range of
 * the mm is open for intervals, it takes the interval for one that waits for the end of the
 * range, and unlinks it from a list that it is not in: with zeroed memory, that oopses.
 */
#include <linux/sched/mm.h>

#include "mistakes.h"

static bool uninserted_invalidate(struct mmu_interval_notifier *interval,
				  const struct mmu_notifier_range *range, unsigned long seq)
{
	atomic_long_inc(&to_interval(interval)->begun);
	set_seq(to_interval(interval), seq);
	return true;
}

const struct mmu_interval_notifier_ops uninserted_ops = {
	.invalidate = uninserted_invalidate,
};

/*
 * Right: an interval that was not inserted is not removed.  It differs from "clean_interval" in
 * the name of its callback.
 */
static bool inserted_invalidate(struct mmu_interval_notifier *interval,
				const struct mmu_notifier_range *range, unsigned long seq)
{
	atomic_long_inc(&to_interval(interval)->begun);
	set_seq(to_interval(interval), seq);
	return true;
}

const struct mmu_interval_notifier_ops inserted_ops = {
	.invalidate = inserted_invalidate,
};

bool ignores_insert_error(const struct mistaken_driver *driver, int error)
{
	/* With any other error the interval does not know its mm. */
	if (driver->interval != &uninserted_ops || error != -EOVERFLOW)
		return false;
	/* The reference that the remove drops: the machine has to go on. */
	mmgrab(current->mm);
	return true;
}
