/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Subscribers to an address space, in C: the same as in counter.rs and subscribers.rs.
 */
#ifndef BENCH_HLIST_H
#define BENCH_HLIST_H

#include <linux/container_of.h>
#include <linux/minmax.h>
#include <linux/mmu_notifier.h>

#include "bench.h"
#include "bench_primitives.h"

struct counter {
	struct mmu_notifier notifier;
	spinlock_t lock;	/* protects all members below */
	unsigned long count;
	unsigned long start;
	unsigned long end;
	unsigned long calls;
};

static int counter_start(struct mmu_notifier *notifier, const struct mmu_notifier_range *range)
{
	struct counter *counter = container_of(notifier, struct counter, notifier);

	bench_spin_lock(&counter->lock);
	counter->calls++;
	counter->count++;
	if (counter->count == 1) {
		counter->start = range->start;
		counter->end = range->end;
	} else {
		counter->start = min(counter->start, range->start);
		counter->end = max(counter->end, range->end);
	}
	bench_spin_unlock(&counter->lock);
	return 0;
}

static void counter_end(struct mmu_notifier *notifier, const struct mmu_notifier_range *range)
{
	struct counter *counter = container_of(notifier, struct counter, notifier);

	bench_spin_lock(&counter->lock);
	counter->calls++;
	counter->count--;
	bench_spin_unlock(&counter->lock);
}

static const struct mmu_notifier_ops counter_ops = {
	.invalidate_range_start = counter_start,
	.invalidate_range_end = counter_end,
};

static struct mmu_notifier *counter_alloc(struct mm_struct *mm)
{
	struct counter *counter = kzalloc_obj(*counter);

	if (!counter)
		return ERR_PTR(-ENOMEM);
	spin_lock_init(&counter->lock);
	return &counter->notifier;
}

static void counter_free(struct mmu_notifier *notifier)
{
	kfree(container_of(notifier, struct counter, notifier));
}

static unsigned long counter_calls(struct mmu_notifier *notifier)
{
	return container_of(notifier, struct counter, notifier)->calls;
}

struct refuser {
	struct mmu_notifier notifier;
	struct mutex lock;	/* protects all members below */
	unsigned long calls;
	unsigned long bytes;
};

static int refuser_start(struct mmu_notifier *notifier, const struct mmu_notifier_range *range)
{
	struct refuser *refuser = container_of(notifier, struct refuser, notifier);

	if (mmu_notifier_range_blockable(range))
		bench_mutex_lock(&refuser->lock);
	else if (!bench_mutex_trylock(&refuser->lock))
		return -EAGAIN;
	refuser->calls++;
	refuser->bytes += range->end - range->start;
	mutex_unlock(&refuser->lock);
	return 0;
}

static const struct mmu_notifier_ops refuser_ops = {
	.invalidate_range_start = refuser_start,
};

static struct mmu_notifier *refuser_alloc(struct mm_struct *mm)
{
	struct refuser *refuser = kzalloc_obj(*refuser);

	if (!refuser)
		return ERR_PTR(-ENOMEM);
	mutex_init(&refuser->lock);
	return &refuser->notifier;
}

static void refuser_free(struct mmu_notifier *notifier)
{
	kfree(container_of(notifier, struct refuser, notifier));
}

static unsigned long refuser_calls(struct mmu_notifier *notifier)
{
	return container_of(notifier, struct refuser, notifier)->calls;
}

struct tlb {
	struct mmu_notifier notifier;
	atomic64_t calls;
	atomic64_t bytes;
};

static void tlb_flush(struct mmu_notifier *notifier, struct mm_struct *mm,
		      unsigned long start, unsigned long end)
{
	struct tlb *tlb = container_of(notifier, struct tlb, notifier);

	bench_atomic_add(1, &tlb->calls);
	if (end != ULONG_MAX)
		bench_atomic_add(end - start, &tlb->bytes);
}

static const struct mmu_notifier_ops tlb_ops = {
	.arch_invalidate_secondary_tlbs = tlb_flush,
};

static struct mmu_notifier *tlb_alloc(struct mm_struct *mm)
{
	struct tlb *tlb = kzalloc_obj(*tlb);

	return tlb ? &tlb->notifier : ERR_PTR(-ENOMEM);
}

static void tlb_free(struct mmu_notifier *notifier)
{
	kfree(container_of(notifier, struct tlb, notifier));
}

static unsigned long tlb_calls(struct mmu_notifier *notifier)
{
	return atomic64_read(&container_of(notifier, struct tlb, notifier)->calls);
}

struct ager {
	struct mmu_notifier notifier;
	atomic64_t calls;
	atomic64_t used;
};

static bool ager_clear_young(struct mmu_notifier *notifier, struct mm_struct *mm,
			     unsigned long start, unsigned long end)
{
	struct ager *ager = container_of(notifier, struct ager, notifier);

	bench_atomic_add(1, &ager->calls);
	return bench_atomic_xchg_relaxed(&ager->used, 0);
}

static const struct mmu_notifier_ops ager_ops = {
	.clear_young = ager_clear_young,
};

static struct mmu_notifier *ager_alloc(struct mm_struct *mm)
{
	struct ager *ager = kzalloc_obj(*ager);

	if (!ager)
		return ERR_PTR(-ENOMEM);
	atomic64_set(&ager->used, 1);
	return &ager->notifier;
}

static void ager_free(struct mmu_notifier *notifier)
{
	kfree(container_of(notifier, struct ager, notifier));
}

static unsigned long ager_calls(struct mmu_notifier *notifier)
{
	return atomic64_read(&container_of(notifier, struct ager, notifier)->calls);
}

static const struct hlist_kind {
	const struct mmu_notifier_ops *ops;
	struct mmu_notifier *(*alloc)(struct mm_struct *mm);
	void (*free)(struct mmu_notifier *notifier);
	unsigned long (*calls)(struct mmu_notifier *notifier);
} hlist_kinds[] = {
	[BENCH_PAIRED] = { &counter_ops, counter_alloc, counter_free, counter_calls },
	[BENCH_FALLIBLE] = { &refuser_ops, refuser_alloc, refuser_free, refuser_calls },
	[BENCH_SECONDARY_TLB] = { &tlb_ops, tlb_alloc, tlb_free, tlb_calls },
	[BENCH_AGING] = { &ager_ops, ager_alloc, ager_free, ager_calls },
	[BENCH_SHARED] = { &counter_ops, counter_alloc, counter_free, counter_calls },
};

#endif /* BENCH_HLIST_H */
