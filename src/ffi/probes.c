// SPDX-License-Identifier: GPL-2.0
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/array_size.h>
#include <linux/atomic.h>
#include <linux/hash.h>
#include <linux/kernel.h>
#include <linux/lockdep.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <trace/events/kmem.h>
#include <trace/events/lock.h>
#include <trace/events/sched.h>

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
	/* The registration of the probes in which it began, or 0. */
	unsigned long registration;
	/* The number of sections of the task around this one. */
	unsigned int depth;
	/* How often the task slept.  0 unless the kernel is PREEMPT_RT. */
	unsigned long sleeps;
	/* The locks that the task waits for at the moment.  0 unless the kernel is PREEMPT_RT. */
	unsigned int waits;
	bool scheduled;
	/* Whether an observer of another driver's callback has begun it. */
	bool observed;
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

/* Returns the innermost section of the current task, or NULL. */
static struct section *innermost(void)
{
	struct section *found = NULL;

	if (!atomic_read(&count) || !in_task())
		return NULL;
	for (unsigned int i = 0; i < SECTIONS_NEAR; i++) {
		struct section *section = near(current, i);

		if (READ_ONCE(section->task) == current &&
		    (!found || section->depth > found->depth))
			found = section;
	}
	return found;
}

/*
 * The number of this registration of the probes for what might have slept, or 0 while they
 * are not registered.  A section records such things only during the registration in which
 * it began: a section that begins between two registrations sees only a part.
 */
static unsigned long registration;

/* Whether the probe that counts sleeps is registered: only on a PREEMPT_RT kernel. */
static bool counts_sleeps;

/* Returns the innermost section of the current task, if it began in this registration. */
static struct section *recording(void)
{
	struct section *section = innermost();

	return section && section->registration &&
	       section->registration == READ_ONCE(registration) ? section : NULL;
}

int mnck_probe_begin(bool observed)
{
	unsigned long begun_in = READ_ONCE(registration);
	struct section *outer;

	if (!begun_in && !counts_sleeps)
		return -1;
	outer = innermost();
	for (unsigned int i = 0; i < SECTIONS_NEAR; i++) {
		struct section *section = near(current, i);

		if (READ_ONCE(section->task) || cmpxchg(&section->task, NULL, current))
			continue;
		section->registration = begun_in;
		section->depth = outer ? outer->depth + 1 : 0;
		section->sleeps = 0;
		section->waits = 0;
		section->scheduled = false;
		section->observed = observed;
		section->lock = NULL;
		section->locked_in = 0;
		section->allocated_in = 0;
		atomic_inc(&count);
		return section - sections;
	}
	pr_warn_once("too many callbacks at once: some are not watched by the probes\n");
	return -1;
}

/* Frees a section, and returns what was in it. */
static struct section end(struct section *section)
{
	struct section done = *section;

	/* For the next owner, before it is known whose the section is. */
	WRITE_ONCE(section->observed, false);
	atomic_dec(&count);
	/* Pairs with the cmpxchg() that takes the place next: the section was read before. */
	smp_store_release(&section->task, NULL);
	return done;
}

struct mnck_probe_seen mnck_probe_end_observed(int nth)
{
	struct section done;

	if (nth < 0 || nth >= ARRAY_SIZE(sections) || sections[nth].task != current)
		return (struct mnck_probe_seen){};
	done = end(&sections[nth]);
	return (struct mnck_probe_seen){
		.sleeps = done.sleeps,
		.scheduled = done.scheduled,
		.locked_in = done.locked_in,
		.allocated_in = done.allocated_in,
	};
}

void mnck_probe_forget_observed(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(sections); i++) {
		if (READ_ONCE(sections[i].task) && sections[i].observed)
			end(&sections[i]);
	}
}

bool mnck_probe_end(int nth, unsigned long *sleeps, struct mnck_probe_might_sleep *found)
{
	struct section done = end(&sections[nth]);

	*sleeps = done.sleeps;
	if (!done.lock && !done.allocated_in && !done.scheduled)
		return false;
	memset(found, 0, sizeof(*found));
	found->scheduled = done.scheduled;
	if (done.lock) {
		strscpy(found->lock, done.lock);
		snprintf(found->locked_in, sizeof(found->locked_in), "%ps", (void *)done.locked_in);
	}
	if (done.allocated_in)
		snprintf(found->allocated_in, sizeof(found->allocated_in), "%ps",
			 (void *)done.allocated_in);
	return true;
}

#define NOT_JUDGED "rule non-block is not judged: this PREEMPT_RT kernel has "

#ifdef CONFIG_TRACEPOINTS

#ifdef CONFIG_LOCKDEP
static void probe_lock(void *data, struct lockdep_map *lock, unsigned int subclass, int trylock,
		       int read, int check, struct lockdep_map *next, unsigned long ip)
{
	struct section *section;

	if (trylock || lock->wait_type_inner != LD_WAIT_SLEEP)
		return;
	section = recording();
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
	section = recording();
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

/*
 * Runs when a task enters the scheduler, even if no other task is to run.  @preempt is
 * true for a preemption; also for a cond_resched(), on the kernels where it schedules.  It
 * is false if the task has called schedule(), in any state; on a PREEMPT_RT kernel also if
 * it waits for a spin lock.  The state does not tell that wait: once the lock's owner has
 * woken the task, its state is TASK_RUNNING.
 */
static void probe_entry(void *data, bool preempt)
{
	struct section *section;

	if (preempt)
		return;
	section = recording();
	if (section && !section->waits)
		section->scheduled = true;
}

#ifdef CONFIG_PREEMPT_RT
/*
 * Runs with the lock of the run queue held, when a task leaves its CPU.  The task may be
 * preempted in any state.  Else it sleeps if its state is not TASK_RUNNING; but in the
 * state TASK_RTLOCK_WAIT it waits for a spin lock, which it would spin for on other kernels.
 */
static void probe_switch(void *data, bool preempt, struct task_struct *prev,
			 struct task_struct *next, unsigned int prev_state)
{
	struct section *section;

	if (preempt || prev_state == TASK_RUNNING || prev_state == TASK_RTLOCK_WAIT)
		return;
	section = innermost();
	if (section)
		section->sleeps++;
}

/* Runs before a task waits for a lock of any kind. */
static void probe_contention_begin(void *data, void *lock, unsigned int flags)
{
	struct section *section = recording();

	if (section)
		section->waits++;
}

static void probe_contention_end(void *data, void *lock, int ret)
{
	struct section *section = recording();

	if (section)
		section->waits--;
}
#endif

static struct {
	const char *name;
	void *probe;
	/* It counts sleeps.  The others see what might have slept. */
	bool sees_sleeps;
	/* The tracepoint that it is registered with, or NULL. */
	struct tracepoint *at;
} probes[] = {
#ifdef CONFIG_PREEMPT_RT
	{ "sched_switch", probe_switch, .sees_sleeps = true },
	{ "contention_begin", probe_contention_begin },
	{ "contention_end", probe_contention_end },
#endif
#ifdef CONFIG_LOCKDEP
	{ "lock_acquire", probe_lock },
#endif
	{ "sched_entry_tp", probe_entry },
	{ "kmalloc", probe_kmalloc },
	{ "kmem_cache_alloc", probe_cache },
};

/* Not all tracepoints are exported, but for_each_kernel_tracepoint() finds all. */
static void register_at(struct tracepoint *tracepoint, void *sees_sleeps)
{
	for (size_t i = 0; i < ARRAY_SIZE(probes); i++)
		if (probes[i].sees_sleeps == *(bool *)sees_sleeps &&
		    !strcmp(tracepoint->name, probes[i].name) &&
		    !tracepoint_probe_register(tracepoint, probes[i].probe, NULL))
			probes[i].at = tracepoint;
}

static void register_all(bool sees_sleeps)
{
	for_each_kernel_tracepoint(register_at, &sees_sleeps);
}

static void unregister_all(bool sees_sleeps)
{
	for (size_t i = 0; i < ARRAY_SIZE(probes); i++) {
		if (!probes[i].at || probes[i].sees_sleeps != sees_sleeps)
			continue;
		tracepoint_probe_unregister(probes[i].at, probes[i].probe, NULL);
		probes[i].at = NULL;
	}
	tracepoint_synchronize_unregister();
}

void mnck_probe_register(void)
{
	static unsigned long last;

	/* These do nothing, but the compiler checks the types. */
#ifdef CONFIG_LOCKDEP
	check_trace_callback_type_lock_acquire(probe_lock);
#endif
#ifdef CONFIG_PREEMPT_RT
	check_trace_callback_type_contention_begin(probe_contention_begin);
	check_trace_callback_type_contention_end(probe_contention_end);
#endif
	check_trace_callback_type_sched_entry_tp(probe_entry);
	check_trace_callback_type_kmalloc(probe_kmalloc);
	check_trace_callback_type_kmem_cache_alloc(probe_cache);

	register_all(false);
	WRITE_ONCE(registration, ++last);
}

void mnck_probe_unregister(void)
{
	WRITE_ONCE(registration, 0);
	unregister_all(false);
}

void mnck_probe_register_sleeps(void)
{
#ifdef CONFIG_PREEMPT_RT
	check_trace_callback_type_sched_switch(probe_switch);
	register_all(true);
	for (size_t i = 0; i < ARRAY_SIZE(probes); i++)
		counts_sleeps |= probes[i].sees_sleeps && probes[i].at;
	if (!counts_sleeps)
		pr_warn(NOT_JUDGED "no tracepoint sched_switch\n");
#endif
}

void mnck_probe_unregister_sleeps(void)
{
	if (counts_sleeps)
		unregister_all(true);
}

#else

void mnck_probe_register(void)
{
}

void mnck_probe_unregister(void)
{
}

void mnck_probe_register_sleeps(void)
{
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		pr_warn(NOT_JUDGED "no CONFIG_TRACEPOINTS\n");
}

void mnck_probe_unregister_sleeps(void)
{
}

#endif
