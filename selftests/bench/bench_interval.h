/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Subscribers to a part of an address space, in C: the same as in intervals.rs.
 */
#ifndef BENCH_INTERVAL_H
#define BENCH_INTERVAL_H

#include <linux/container_of.h>
#include <linux/mmu_notifier.h>

#include "bench.h"
#include "bench_primitives.h"

struct under_mutex {
	struct mmu_interval_notifier interval;
	struct mutex lock;	/* the user lock, protects calls and bytes */
	unsigned long calls;
	unsigned long bytes;
	atomic64_t finished;	/* calls of the second pass */
};

static bool under_mutex_invalidate(struct mmu_interval_notifier *interval,
				   const struct mmu_notifier_range *range, unsigned long seq)
{
	struct under_mutex *sub = container_of(interval, struct under_mutex, interval);

	if (mmu_notifier_range_blockable(range))
		bench_mutex_lock(&sub->lock);
	else if (!bench_mutex_trylock(&sub->lock))
		return false;
	mmu_interval_set_seq(interval, seq);
	sub->calls++;
	sub->bytes += range->end - range->start;
	mutex_unlock(&sub->lock);
	return true;
}

static const struct mmu_interval_notifier_ops under_mutex_ops = {
	.invalidate = under_mutex_invalidate,
};

struct begun {
	struct mmu_interval_notifier_finish finish;
	unsigned long count;
};

static bool two_pass_start(struct mmu_interval_notifier *interval,
			   const struct mmu_notifier_range *range, unsigned long seq,
			   struct mmu_interval_notifier_finish **finish)
{
	struct under_mutex *sub = container_of(interval, struct under_mutex, interval);
	struct begun *begun;

	if (mmu_notifier_range_blockable(range))
		bench_mutex_lock(&sub->lock);
	else if (!bench_mutex_trylock(&sub->lock))
		return false;
	mmu_interval_set_seq(interval, seq);
	sub->calls++;
	sub->bytes += range->end - range->start;
	mutex_unlock(&sub->lock);

	begun = bench_alloc(sizeof(*begun), GFP_NOWAIT | __GFP_NOWARN);
	if (begun) {
		begun->count = 1;
		*finish = &begun->finish;
	} else {
		bench_atomic_add(1, &sub->finished);
	}
	return true;
}

static void two_pass_finish(struct mmu_interval_notifier_finish *finish)
{
	struct under_mutex *sub = container_of(finish->notifier, struct under_mutex, interval);
	struct begun *begun = container_of(finish, struct begun, finish);
	unsigned long count = begun->count;

	bench_free(begun);
	bench_atomic_add(count, &sub->finished);
}

static const struct mmu_interval_notifier_ops two_pass_ops = {
	.invalidate_start = two_pass_start,
	.invalidate_finish = two_pass_finish,
};

static struct mmu_interval_notifier *under_mutex_alloc(void)
{
	struct under_mutex *sub = kzalloc_obj(*sub);

	if (!sub)
		return NULL;
	mutex_init(&sub->lock);
	return &sub->interval;
}

static void under_mutex_free(struct mmu_interval_notifier *interval)
{
	kfree(container_of(interval, struct under_mutex, interval));
}

static unsigned long under_mutex_calls(struct mmu_interval_notifier *interval)
{
	struct under_mutex *sub = container_of(interval, struct under_mutex, interval);

	return sub->calls + atomic64_read(&sub->finished);
}

struct under_spin_lock {
	struct mmu_interval_notifier interval;
	spinlock_t lock;	/* the user lock, protects calls and bytes */
	unsigned long calls;
	unsigned long bytes;
};

static bool under_spin_lock_invalidate(struct mmu_interval_notifier *interval,
				       const struct mmu_notifier_range *range, unsigned long seq)
{
	struct under_spin_lock *sub = container_of(interval, struct under_spin_lock, interval);

	bench_spin_lock(&sub->lock);
	mmu_interval_set_seq(interval, seq);
	sub->calls++;
	sub->bytes += range->end - range->start;
	bench_spin_unlock(&sub->lock);
	return true;
}

static const struct mmu_interval_notifier_ops under_spin_lock_ops = {
	.invalidate = under_spin_lock_invalidate,
};

static struct mmu_interval_notifier *under_spin_lock_alloc(void)
{
	struct under_spin_lock *sub = kzalloc_obj(*sub);

	if (!sub)
		return NULL;
	spin_lock_init(&sub->lock);
	return &sub->interval;
}

static void under_spin_lock_free(struct mmu_interval_notifier *interval)
{
	kfree(container_of(interval, struct under_spin_lock, interval));
}

static unsigned long under_spin_lock_calls(struct mmu_interval_notifier *interval)
{
	return container_of(interval, struct under_spin_lock, interval)->calls;
}

static const struct interval_kind {
	const struct mmu_interval_notifier_ops *ops;
	struct mmu_interval_notifier *(*alloc)(void);
	void (*free)(struct mmu_interval_notifier *interval);
	unsigned long (*calls)(struct mmu_interval_notifier *interval);
} interval_kinds[] = {
	[BENCH_MUTEX] = {
		&under_mutex_ops, under_mutex_alloc, under_mutex_free, under_mutex_calls
	},
	[BENCH_SPIN] = {
		&under_spin_lock_ops, under_spin_lock_alloc, under_spin_lock_free,
		under_spin_lock_calls
	},
	[BENCH_TWO_PASS] = {
		&two_pass_ops, under_mutex_alloc, under_mutex_free, under_mutex_calls
	},
};

#endif /* BENCH_INTERVAL_H */
