// SPDX-License-Identifier: GPL-2.0
/*
 * Drivers whose start fails: as it may, or as it must not.
 */
#include "mistakes.h"

int clean_start(struct mmu_notifier *hlist, const struct mmu_notifier_range *range)
{
	atomic_long_inc(&to_hlist(hlist)->begun);
	return 0;
}

void clean_end(struct mmu_notifier *hlist, const struct mmu_notifier_range *range)
{
	atomic_long_inc(&to_hlist(hlist)->ended);
}

const struct mmu_notifier_ops clean_ops = {
	.invalidate_range_start = clean_start,
	.invalidate_range_end = clean_end,
};

/* A function with the arguments of a start, which is no callback. */
static noinline __noclone int nested_start(struct mmu_notifier *hlist,
					   const struct mmu_notifier_range *range)
{
	atomic_long_inc(&to_hlist(hlist)->begun);
	return 0;
}

/* Right: has another function do what it has to. */
static int nesting_start(struct mmu_notifier *hlist, const struct mmu_notifier_range *range)
{
	return nested_start(hlist, range);
}

const struct mmu_notifier_ops nesting_ops = {
	.invalidate_range_start = nesting_start,
	.invalidate_range_end = clean_end,
};

/* Right: refuses non-blockable ranges only, and has no end. */
static int refusing_start(struct mmu_notifier *hlist, const struct mmu_notifier_range *range)
{
	atomic_long_inc(&to_hlist(hlist)->begun);
	return mmu_notifier_range_blockable(range) ? 0 : -EAGAIN;
}

const struct mmu_notifier_ops refusing_ops = {
	.invalidate_range_start = refusing_start,
};

/* Wrong: refuses with another code than -EAGAIN. */
static int wrong_code_start(struct mmu_notifier *hlist, const struct mmu_notifier_range *range)
{
	atomic_long_inc(&to_hlist(hlist)->begun);
	return mmu_notifier_range_blockable(range) ? 0 : -EINVAL;
}

const struct mmu_notifier_ops wrong_code_ops = {
	.invalidate_range_start = wrong_code_start,
};

/* Wrong: fails in each range.  The core warns and goes on. */
static int failing_start(struct mmu_notifier *hlist, const struct mmu_notifier_range *range)
{
	atomic_long_inc(&to_hlist(hlist)->begun);
	return -EINVAL;
}

const struct mmu_notifier_ops failing_ops = {
	.invalidate_range_start = failing_start,
};

/* Wrong: refuses a blockable range.  The core warns and goes on. */
static int refuses_blockable_start(struct mmu_notifier *hlist,
				   const struct mmu_notifier_range *range)
{
	atomic_long_inc(&to_hlist(hlist)->begun);
	return mmu_notifier_range_blockable(range) ? -EAGAIN : 0;
}

const struct mmu_notifier_ops refuses_blockable_ops = {
	.invalidate_range_start = refuses_blockable_start,
};

/* Wrong: refuses and has an end.  The core calls the end of a range that this has refused. */
static int refuses_with_end_start(struct mmu_notifier *hlist,
				  const struct mmu_notifier_range *range)
{
	atomic_long_inc(&to_hlist(hlist)->begun);
	return mmu_notifier_range_blockable(range) ? 0 : -EAGAIN;
}

static void refuses_with_end_end(struct mmu_notifier *hlist,
				 const struct mmu_notifier_range *range)
{
	atomic_long_inc(&to_hlist(hlist)->ended);
}

const struct mmu_notifier_ops refuses_with_end_ops = {
	.invalidate_range_start = refuses_with_end_start,
	.invalidate_range_end = refuses_with_end_end,
};
