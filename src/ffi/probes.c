// SPDX-License-Identifier: GPL-2.0
#include <linux/array_size.h>
#include <linux/atomic.h>
#include <linux/hash.h>
#include <linux/kernel.h>
#include <linux/lockdep.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

#include "probes.h"

/*
 * A stretch is found by its task, in a few places from where its hash says: the
 * probes run whenever anybody takes a lock, and must take none.  Only its own
 * task writes to a stretch, or reads it.
 */
#define STRETCHES_BITS 7
#define STRETCHES_NEAR 16

struct stretch {
	struct task_struct *task;
	/* How many of the task's there were before. */
	unsigned int depth;
	const char *lock;
	unsigned long locked_in;
	unsigned long allocated_in;
};

static struct stretch stretches[1 << STRETCHES_BITS];

/* How many there are: mostly none, and then nothing need be looked for. */
static atomic_t count;

static struct stretch *near(const struct task_struct *task, unsigned int nth)
{
	return &stretches[(hash_ptr(task, STRETCHES_BITS) + nth) % ARRAY_SIZE(stretches)];
}

/* The innermost of the current task. */
static struct stretch *innermost(void)
{
	struct stretch *found = NULL;

	if (!atomic_read(&count) || !in_task())
		return NULL;
	for (unsigned int i = 0; i < STRETCHES_NEAR; i++) {
		struct stretch *stretch = near(current, i);

		if (READ_ONCE(stretch->task) == current &&
		    (!found || stretch->depth > found->depth))
			found = stretch;
	}
	return found;
}

/* Whether there are probes: from before the first callback to after the last. */
static bool registered;

int mnck_probe_begin(void)
{
	struct stretch *outer;

	if (!registered)
		return -1;
	outer = innermost();
	for (unsigned int i = 0; i < STRETCHES_NEAR; i++) {
		struct stretch *stretch = near(current, i);

		if (READ_ONCE(stretch->task) || cmpxchg(&stretch->task, NULL, current))
			continue;
		stretch->depth = outer ? outer->depth + 1 : 0;
		stretch->lock = NULL;
		stretch->locked_in = 0;
		stretch->allocated_in = 0;
		atomic_inc(&count);
		return stretch - stretches;
	}
	return -1;
}

bool mnck_probe_end(int nth, struct mnck_probe_luck *luck)
{
	struct stretch done, *stretch = &stretches[nth];

	done = *stretch;
	atomic_dec(&count);
	/* Pairs with the cmpxchg() of the next to take the place: it was read before. */
	smp_store_release(&stretch->task, NULL);

	if (!done.lock && !done.allocated_in)
		return false;
	memset(luck, 0, sizeof(*luck));
	if (done.lock) {
		strscpy(luck->lock, done.lock);
		snprintf(luck->locked_in, sizeof(luck->locked_in), "%ps", (void *)done.locked_in);
	}
	if (done.allocated_in)
		snprintf(luck->allocated_in, sizeof(luck->allocated_in), "%ps",
			 (void *)done.allocated_in);
	return true;
}

#ifdef CONFIG_TRACEPOINTS

#ifdef CONFIG_LOCKDEP
static void probe_lock(void *data, struct lockdep_map *lock, unsigned int subclass, int trylock,
		       int read, int check, struct lockdep_map *next, unsigned long ip)
{
	struct stretch *stretch;

	if (trylock || lock->wait_type_inner != LD_WAIT_SLEEP)
		return;
	stretch = innermost();
	if (!stretch || stretch->lock)
		return;
	stretch->lock = lock->name;
	stretch->locked_in = ip;
}
#endif

static void allocate(unsigned long ip, gfp_t flags)
{
	struct stretch *stretch;

	/* Who is in reclaim already does not enter it. */
	if (!(flags & __GFP_DIRECT_RECLAIM) || current->flags & PF_MEMALLOC)
		return;
	stretch = innermost();
	if (stretch && !stretch->allocated_in)
		stretch->allocated_in = ip;
}

static void probe_kmalloc(void *data, unsigned long call_site, const void *ptr, size_t bytes_req,
			  size_t bytes_alloc, gfp_t flags, int node)
{
	allocate(call_site, flags);
}

static void probe_cache(void *data, unsigned long call_site, const void *ptr,
			struct kmem_cache *cache, gfp_t flags, int node)
{
	allocate(call_site, flags);
}

static struct {
	const char *name;
	void *probe;
	/* Where it is registered. */
	struct tracepoint *at;
} probes[] = {
#ifdef CONFIG_LOCKDEP
	{ "lock_acquire", probe_lock },
#endif
	{ "kmalloc", probe_kmalloc },
	{ "kmem_cache_alloc", probe_cache },
};

/* Not all of them are exported, but all can be found. */
static void register_at(struct tracepoint *tracepoint, void *data)
{
	for (size_t i = 0; i < ARRAY_SIZE(probes); i++)
		if (!strcmp(tracepoint->name, probes[i].name) &&
		    !tracepoint_probe_register(tracepoint, probes[i].probe, NULL))
			probes[i].at = tracepoint;
}

void mnck_probe_register(void)
{
	for_each_kernel_tracepoint(register_at, NULL);
	registered = true;
}

void mnck_probe_unregister(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(probes); i++)
		if (probes[i].at)
			tracepoint_probe_unregister(probes[i].at, probes[i].probe, NULL);
	tracepoint_synchronize_unregister();
}

#else

void mnck_probe_register(void)
{
}

void mnck_probe_unregister(void)
{
}

#endif
