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
 * A section is found by the hash of its task, within a few places of a table: the probes
 * run whenever a lock is taken, so they must take none.  Only the task itself reads or
 * writes its sections.
 */
#define SECTIONS_BITS 7
#define SECTIONS_NEAR 16

struct section {
	struct task_struct *task;
	/* The registration of the probes in which it began. */
	unsigned long registration;
	/* The number of sections of the task around this one. */
	unsigned int depth;
	const char *lock;
	unsigned long locked_in;
	unsigned long allocated_in;
};

static struct section sections[1 << SECTIONS_BITS];

/* The number of sections in use: usually 0, and then the probes look no further. */
static atomic_t count;

static struct section *near(const struct task_struct *task, unsigned int nth)
{
	return &sections[(hash_ptr(task, SECTIONS_BITS) + nth) % ARRAY_SIZE(sections)];
}

/*
 * The number of this registration of the probes, or 0 while they are not registered.
 *
 * A section records only what the task does during the registration in which it began.
 * Callbacks that begin between two registrations have no section, so what they do later
 * would be recorded in the section of a callback around them.
 */
static unsigned long registration;

/* Returns the innermost section of the current task and of this registration, or NULL. */
static struct section *innermost(void)
{
	struct section *found = NULL;

	if (!atomic_read(&count) || !in_task())
		return NULL;
	for (unsigned int i = 0; i < SECTIONS_NEAR; i++) {
		struct section *section = near(current, i);

		if (READ_ONCE(section->task) == current &&
		    section->registration == READ_ONCE(registration) &&
		    (!found || section->depth > found->depth))
			found = section;
	}
	return found;
}

int mnck_probe_begin(void)
{
	unsigned long begun_in = READ_ONCE(registration);
	struct section *outer;

	if (!begun_in)
		return -1;
	outer = innermost();
	for (unsigned int i = 0; i < SECTIONS_NEAR; i++) {
		struct section *section = near(current, i);

		if (READ_ONCE(section->task) || cmpxchg(&section->task, NULL, current))
			continue;
		section->registration = begun_in;
		section->depth = outer ? outer->depth + 1 : 0;
		section->lock = NULL;
		section->locked_in = 0;
		section->allocated_in = 0;
		atomic_inc(&count);
		return section - sections;
	}
	return -1;
}

bool mnck_probe_end(int nth, struct mnck_probe_might_sleep *found)
{
	struct section done, *section = &sections[nth];

	done = *section;
	atomic_dec(&count);
	/* Pairs with the cmpxchg() that takes the place next: the section was read before. */
	smp_store_release(&section->task, NULL);

	if (!done.lock && !done.allocated_in)
		return false;
	memset(found, 0, sizeof(*found));
	if (done.lock) {
		strscpy(found->lock, done.lock);
		snprintf(found->locked_in, sizeof(found->locked_in), "%ps", (void *)done.locked_in);
	}
	if (done.allocated_in)
		snprintf(found->allocated_in, sizeof(found->allocated_in), "%ps",
			 (void *)done.allocated_in);
	return true;
}

#ifdef CONFIG_TRACEPOINTS

#ifdef CONFIG_LOCKDEP
static void probe_lock(void *data, struct lockdep_map *lock, unsigned int subclass, int trylock,
		       int read, int check, struct lockdep_map *next, unsigned long ip)
{
	struct section *section;

	if (trylock || lock->wait_type_inner != LD_WAIT_SLEEP)
		return;
	section = innermost();
	if (!section || section->lock)
		return;
	section->lock = lock->name;
	section->locked_in = ip;
}
#endif

static void allocate(unsigned long ip, gfp_t flags)
{
	struct section *section;

	/* A task that is in reclaim already does not enter it again. */
	if (!(flags & __GFP_DIRECT_RECLAIM) || current->flags & PF_MEMALLOC)
		return;
	section = innermost();
	if (section && !section->allocated_in)
		section->allocated_in = ip;
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
	/* The tracepoint that it is registered with, or NULL. */
	struct tracepoint *at;
} probes[] = {
#ifdef CONFIG_LOCKDEP
	{ "lock_acquire", probe_lock },
#endif
	{ "kmalloc", probe_kmalloc },
	{ "kmem_cache_alloc", probe_cache },
};

/* Not all tracepoints are exported, but for_each_kernel_tracepoint() finds all. */
static void register_at(struct tracepoint *tracepoint, void *data)
{
	for (size_t i = 0; i < ARRAY_SIZE(probes); i++)
		if (!strcmp(tracepoint->name, probes[i].name) &&
		    !tracepoint_probe_register(tracepoint, probes[i].probe, NULL))
			probes[i].at = tracepoint;
}

void mnck_probe_register(void)
{
	static unsigned long last;

	for_each_kernel_tracepoint(register_at, NULL);
	WRITE_ONCE(registration, ++last);
}

void mnck_probe_unregister(void)
{
	WRITE_ONCE(registration, 0);
	for (size_t i = 0; i < ARRAY_SIZE(probes); i++) {
		if (probes[i].at)
			tracepoint_probe_unregister(probes[i].at, probes[i].probe, NULL);
		probes[i].at = NULL;
	}
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
