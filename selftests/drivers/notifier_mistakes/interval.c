// SPDX-License-Identifier: GPL-2.0
/*
 * Drivers that subscribe to an interval.
 */
#include <linux/cleanup.h>
#include <linux/slab.h>

#include "mistakes.h"

void set_seq(struct subscription *sub, unsigned long seq)
{
	guard(spinlock)(&sub->lock);
	mmu_interval_set_seq(&sub->interval, seq);
}

static bool clean_invalidate(struct mmu_interval_notifier *interval,
			     const struct mmu_notifier_range *range, unsigned long seq)
{
	struct subscription *sub = to_interval(interval);

	atomic_long_inc(&sub->begun);
	set_seq(sub, seq);
	return true;
}

const struct mmu_interval_notifier_ops clean_interval_ops = {
	.invalidate = clean_invalidate,
};

/* Right: refuses non-blockable ranges only. */
static bool refusing_invalidate(struct mmu_interval_notifier *interval,
				const struct mmu_notifier_range *range, unsigned long seq)
{
	struct subscription *sub = to_interval(interval);

	atomic_long_inc(&sub->begun);
	if (!mmu_notifier_range_blockable(range))
		return false;
	set_seq(sub, seq);
	return true;
}

const struct mmu_interval_notifier_ops refusing_interval_ops = {
	.invalidate = refusing_invalidate,
};

/* Wrong: a reader that began before this range does not retry. */
static bool forgetful_invalidate(struct mmu_interval_notifier *interval,
				 const struct mmu_notifier_range *range, unsigned long seq)
{
	atomic_long_inc(&to_interval(interval)->begun);
	return true;
}

const struct mmu_interval_notifier_ops forgetful_ops = {
	.invalidate = forgetful_invalidate,
};

/* Right: there are no readers. */
static bool never_reads_invalidate(struct mmu_interval_notifier *interval,
				   const struct mmu_notifier_range *range, unsigned long seq)
{
	atomic_long_inc(&to_interval(interval)->begun);
	return true;
}

const struct mmu_interval_notifier_ops never_reads_ops = {
	.invalidate = never_reads_invalidate,
};

/* Wrong: refuses a blockable range.  The core warns and goes on. */
static bool refuses_blockable_invalidate(struct mmu_interval_notifier *interval,
					 const struct mmu_notifier_range *range,
					 unsigned long seq)
{
	struct subscription *sub = to_interval(interval);

	atomic_long_inc(&sub->begun);
	set_seq(sub, seq);
	return !mmu_notifier_range_blockable(range);
}

const struct mmu_interval_notifier_ops refuses_blockable_interval_ops = {
	.invalidate = refuses_blockable_invalidate,
};

/* Without memory for a second pass the first does all. */
bool begin_pass(struct mmu_interval_notifier *interval, unsigned long seq,
		struct mmu_interval_notifier_finish **finish)
{
	struct subscription *sub = to_interval(interval);

	atomic_long_inc(&sub->begun);
	set_seq(sub, seq);
	*finish = kmalloc(sizeof(**finish), GFP_NOWAIT);
	return true;
}

void end_pass(struct mmu_interval_notifier_finish *finish)
{
	atomic_long_inc(&to_interval(finish->notifier)->ended);
	kfree(finish);
}

bool clean_pass(struct mmu_interval_notifier *interval, const struct mmu_notifier_range *range,
		unsigned long seq, struct mmu_interval_notifier_finish **finish)
{
	return begin_pass(interval, seq, finish);
}

static void clean_finish(struct mmu_interval_notifier_finish *finish)
{
	end_pass(finish);
}

const struct mmu_interval_notifier_ops clean_two_pass_ops = {
	.invalidate_start = clean_pass,
	.invalidate_finish = clean_finish,
};

/* Right: refuses non-blockable ranges only, and leaves no finish structure then. */
static bool refusing_pass(struct mmu_interval_notifier *interval,
			  const struct mmu_notifier_range *range, unsigned long seq,
			  struct mmu_interval_notifier_finish **finish)
{
	if (mmu_notifier_range_blockable(range))
		return begin_pass(interval, seq, finish);
	atomic_long_inc(&to_interval(interval)->begun);
	return false;
}

const struct mmu_interval_notifier_ops refusing_two_pass_ops = {
	.invalidate_start = refusing_pass,
	.invalidate_finish = clean_finish,
};

/* Wrong: leaves a finish structure when it refuses.  The core ignores it. */
static bool leaves_finish_pass(struct mmu_interval_notifier *interval,
			       const struct mmu_notifier_range *range, unsigned long seq,
			       struct mmu_interval_notifier_finish **finish)
{
	if (mmu_notifier_range_blockable(range))
		return begin_pass(interval, seq, finish);
	atomic_long_inc(&to_interval(interval)->begun);
	*finish = &to_interval(interval)->left;
	return false;
}

const struct mmu_interval_notifier_ops leaves_finish_ops = {
	.invalidate_start = leaves_finish_pass,
	.invalidate_finish = clean_finish,
};
