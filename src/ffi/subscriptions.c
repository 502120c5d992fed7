// SPDX-License-Identifier: GPL-2.0
/*
 * The subscriptions of all drivers, as the core has them in mm->notifier_subscriptions.
 *
 * The structure is private to mm/mmu_notifier.c, so there is a copy of it here, which is
 * compared with what the core does before it is used: see
 * mnck_subscriptions_calibrate().
 *
 * The core adds and removes subscriptions under the lock of the structure, and a driver frees
 * one only after it was removed.  A driver that breaks this rule, and is unloaded, leaves a
 * subscription in memory that is gone or is another's: those in the list are read so that
 * this does no harm.  The tree of the intervals can't be walked in that way: an interval in
 * it whose memory is gone is as fatal here as at the next change of the mm.
 */
#include <linux/delay.h>
#include <linux/interval_tree.h>
#include <linux/kallsyms.h>
#include <linux/mmu_notifier.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "subscriptions.h"

/* struct mmu_notifier_subscriptions of mm/mmu_notifier.c, Linux 5.8 to 7.3. */
struct subscriptions {
	struct hlist_head list;
	bool has_itree;
	/* Protects the list and the tree. */
	spinlock_t lock;
	unsigned long invalidate_seq;
	unsigned long active_invalidate_ranges;
	struct rb_root_cached itree;
	wait_queue_head_t wq;
	struct hlist_head deferred_list;
};

static struct subscriptions *subscriptions_of(struct mm_struct *mm)
{
	/* Pairs with the release in __mmu_notifier_register(). */
	return (struct subscriptions *)smp_load_acquire(&mm->notifier_subscriptions);
}

static struct mmu_notifier *probe_alloc(struct mm_struct *mm)
{
	struct mmu_notifier *probe = kzalloc_obj(*probe);

	if (!probe)
		return ERR_PTR(-ENOMEM);
	/*
	 * The core calls probe_free() some time after the last put, in this module, which
	 * must stay so long: until no callback of any process runs that runs now.
	 */
	__module_get(THIS_MODULE);
	return probe;
}

static void probe_free(struct mmu_notifier *probe)
{
	kfree(probe);
	/* With soft interrupts disabled: an unload waits for RCU, and so for the return. */
	module_put(THIS_MODULE);
}

static const struct mmu_notifier_ops probe_ops = {
	.alloc_notifier = probe_alloc,
	.free_notifier = probe_free,
};

static bool probe_invalidate(struct mmu_interval_notifier *interval,
			     const struct mmu_notifier_range *range, unsigned long cur_seq)
{
	mmu_interval_set_seq(interval, cur_seq);
	return true;
}

static const struct mmu_interval_notifier_ops probe_interval_ops = {
	.invalidate = probe_invalidate,
};

/*
 * Returns whether the memory at @all, of @size bytes, is as it must be after the core has added
 * @probe and @interval, while no range of the mm is open.  Looks at the lock only when the
 * members on both sides of it are right.
 *
 * A member that is added behind the others, or directly before the deferred list, is not
 * noticed: the deferred list of a quiet mm is a word that is 0, and may be any such word.
 */
static bool layout_is_right(struct subscriptions *all, size_t size, struct mmu_notifier *probe,
			    struct mmu_interval_notifier *interval)
{
	struct interval_tree_node *node = &interval->interval_tree;
	bool right;

	if (size < sizeof(*all))
		return false;
	if (READ_ONCE(all->list.first) != &probe->hlist || !READ_ONCE(all->has_itree) ||
	    READ_ONCE(all->wq.head.next) != &all->wq.head ||
	    READ_ONCE(all->invalidate_seq) - 1 != interval->invalidate_seq ||
	    READ_ONCE(all->active_invalidate_ranges) || READ_ONCE(all->deferred_list.first))
		return false;

	spin_lock(&all->lock);
	right = interval_tree_iter_first(&all->itree, node->start, node->last) == node;
	spin_unlock(&all->lock);
	return right;
}

/* Above all addresses that a process can map: few ranges concern the interval. */
#define NOWHERE_START (ULONG_MAX & PAGE_MASK)

/* How often a range that is open by chance may spoil the comparison. */
#define ATTEMPTS 8

/* Returns 1 if the layout is right, 0 if it is not or a range is open, or an error. */
static int attempt(struct mm_struct *mm)
{
	struct mmu_interval_notifier *interval = kzalloc_obj(*interval);
	struct mmu_notifier *probe;
	int ret;

	if (!interval)
		return -ENOMEM;
	ret = mmu_interval_notifier_insert(interval, mm, NOWHERE_START - PAGE_SIZE, PAGE_SIZE,
					   &probe_interval_ops);
	if (ret)
		goto free;
	probe = mmu_notifier_get(&probe_ops, mm);
	if (IS_ERR(probe)) {
		ret = PTR_ERR(probe);
		goto remove;
	}

	/* No other thread opens a range meanwhile, but reclaim may. */
	ret = mmap_write_lock_killable(mm);
	if (!ret) {
		struct subscriptions *all = subscriptions_of(mm);

		ret = layout_is_right(all, ksize(all), probe, interval);
		mmap_write_unlock(mm);
	}
	/* Does not wait for the SRCU of the subscriptions: a callback may hang there. */
	mmu_notifier_put(probe);
remove:
	/* Waits for the ranges of this mm: of one thread, which is here, and of reclaim. */
	mmu_interval_notifier_remove(interval);
free:
	kfree(interval);
	return ret;
}

/* Whether the core is known to keep the subscriptions as this file assumes. */
static bool is_right;

int mnck_subscriptions_calibrate(void)
{
	static DEFINE_MUTEX(calibrating);
	int ret = 0;

	if (READ_ONCE(is_right))
		return 0;
	if (!current->mm)
		return -ESRCH;
	/* Another thread may hang in a callback, and this one would wait for it. */
	if (!thread_group_empty(current))
		return -EBUSY;
	ACQUIRE(mutex_kill, lock)(&calibrating);
	ret = ACQUIRE_ERR(mutex_kill, &lock);
	if (ret)
		return ret;
	for (int i = 0; i < ATTEMPTS && !ret; i++) {
		if (i)
			fsleep(1000);
		ret = attempt(current->mm);
	}
	if (ret < 0)
		return ret;
	WRITE_ONCE(is_right, ret);
	return ret ? 0 : -EOPNOTSUPP;
}

/* Returns the mm of a process, if it has subscriptions, with a reference to the structure. */
static struct mm_struct *mm_with_subscriptions(struct task_struct *process)
{
	struct mm_struct *mm = NULL;
	struct task_struct *thread;

	/* The first thread may have exited before the others. */
	for_each_thread(process, thread) {
		task_lock(thread);
		mm = thread->mm;
		if (mm && !(thread->flags & PF_KTHREAD) && subscriptions_of(mm))
			mmgrab(mm);
		else
			mm = NULL;
		task_unlock(thread);
		if (mm)
			break;
	}
	return mm;
}

int mnck_subscriptions_next(int after, struct mm_struct **mm, char comm[TASK_COMM_LEN])
{
	for (;;) {
		struct task_struct *process;
		struct pid *pid;

		guard(rcu)();
		pid = find_ge_pid(after + 1, &init_pid_ns);
		if (!pid)
			return 0;
		after = pid_nr(pid);
		process = pid_task(pid, PIDTYPE_TGID);
		*mm = process ? mm_with_subscriptions(process) : NULL;
		if (*mm) {
			strscpy(comm, process->comm, TASK_COMM_LEN);
			return after;
		}
	}
}

void mnck_subscriptions_put(struct mm_struct *mm)
{
	mmdrop(mm);
}

/*
 * Copies a table of callbacks.  It is gone if its driver was unloaded and has left the
 * subscription behind; then all callbacks are NULL.
 */
#define copy_ops(_to, _from)                                                    \
	do {                                                                    \
		if (copy_from_kernel_nofault(_to, _from, sizeof(*(_to))))       \
			memset(_to, 0, sizeof(*(_to)));                         \
	} while (0)

bool mnck_subscriptions_state(struct mm_struct *mm, struct mnck_core_state *state)
{
	const struct subscriptions *all = subscriptions_of(mm);

	if (!READ_ONCE(is_right) || !all)
		return false;
	*state = (struct mnck_core_state){
		.invalidate_seq = READ_ONCE(all->invalidate_seq),
		.active_ranges = READ_ONCE(all->active_invalidate_ranges),
	};
	return true;
}

void mnck_subscriptions_callbacks(unsigned long ops, bool is_interval,
				  unsigned long callbacks[MNCK_CALLBACKS])
{
	memset(callbacks, 0, MNCK_CALLBACKS * sizeof(*callbacks));
	if (is_interval) {
		struct mmu_interval_notifier_ops copy;

		copy_ops(&copy, (void *)ops);
		callbacks[MNCK_CALLBACK_INVALIDATE] = (unsigned long)copy.invalidate;
		callbacks[MNCK_CALLBACK_INVALIDATE_START] = (unsigned long)copy.invalidate_start;
		callbacks[MNCK_CALLBACK_INVALIDATE_FINISH] = (unsigned long)copy.invalidate_finish;
	} else {
		struct mmu_notifier_ops copy;

		copy_ops(&copy, (void *)ops);
		callbacks[MNCK_CALLBACK_START] = (unsigned long)copy.invalidate_range_start;
		callbacks[MNCK_CALLBACK_END] = (unsigned long)copy.invalidate_range_end;
		callbacks[MNCK_CALLBACK_SECONDARY_TLBS] =
			(unsigned long)copy.arch_invalidate_secondary_tlbs;
		callbacks[MNCK_CALLBACK_RELEASE] = (unsigned long)copy.release;
		callbacks[MNCK_CALLBACK_CLEAR_FLUSH_YOUNG] = (unsigned long)copy.clear_flush_young;
		callbacks[MNCK_CALLBACK_CLEAR_YOUNG] = (unsigned long)copy.clear_young;
		callbacks[MNCK_CALLBACK_TEST_YOUNG] = (unsigned long)copy.test_young;
		callbacks[MNCK_CALLBACK_FREE] = (unsigned long)copy.free_notifier;
	}
}

void mnck_subscriptions_fill(struct mnck_subscription *copy)
{
	/* The most telling comes first. */
	static const enum mnck_callback order[] = {
		MNCK_CALLBACK_START, MNCK_CALLBACK_END, MNCK_CALLBACK_SECONDARY_TLBS,
		MNCK_CALLBACK_RELEASE, MNCK_CALLBACK_CLEAR_FLUSH_YOUNG,
		MNCK_CALLBACK_CLEAR_YOUNG, MNCK_CALLBACK_TEST_YOUNG,
		MNCK_CALLBACK_INVALIDATE, MNCK_CALLBACK_INVALIDATE_START,
		MNCK_CALLBACK_INVALIDATE_FINISH,
	};
	unsigned long callbacks[MNCK_CALLBACKS];

	mnck_subscriptions_callbacks(copy->ops, copy->is_interval, callbacks);
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		if (!callbacks[order[i]])
			continue;
		copy->callbacks |= 1U << order[i];
		if (!copy->callback)
			copy->callback = callbacks[order[i]];
	}
}

/* The memory of the notifier at @address was copied. */
static struct mnck_subscription copy_notifier(const struct mmu_notifier *notifier,
					      const struct mmu_notifier *address)
{
	struct mnck_subscription copy = {
		.address = (unsigned long)address,
		.ops = (unsigned long)notifier->ops,
	};

	mnck_subscriptions_fill(&copy);
	return copy;
}

static struct mnck_subscription copy_interval(const struct mmu_interval_notifier *interval)
{
	struct mnck_subscription copy = {
		.address = (unsigned long)interval,
		.ops = (unsigned long)interval->ops,
		.is_interval = true,
		.start = interval->interval_tree.start,
		.last = interval->interval_tree.last,
	};

	mnck_subscriptions_fill(&copy);
	return copy;
}

bool mnck_subscriptions_put_one(unsigned long subscription, unsigned long *ops, unsigned long *mm)
{
	struct mmu_notifier copy;

	if (copy_from_kernel_nofault(&copy, (void *)subscription, sizeof(copy)))
		return false;
	*ops = (unsigned long)copy.ops;
	*mm = (unsigned long)copy.mm;
	return true;
}

static void copy_name(char name[MNCK_DRIVER_LEN], const char *symbol)
{
	/*
	 * Names of Rust are long and say little: the module says it.  With KASAN, the table of a
	 * driver in Rust, which is a constant without a name, is "__unnamed_1".
	 */
	bool says_little = !strncmp(symbol, "_R", 2) || !strncmp(symbol, "__unnamed_", 10);
	const char *module = says_little ? strchr(symbol, '[') : NULL;

	strscpy(name, module ?: symbol, MNCK_DRIVER_LEN);
}

void mnck_function_name(unsigned long address, char name[MNCK_DRIVER_LEN])
{
	char symbol[KSYM_SYMBOL_LEN];

	sprint_symbol_no_offset(symbol, address);
	copy_name(name, symbol);
}

/* A list that is longer was overwritten. */
#define LIST_MAX 65536

unsigned int mnck_subscriptions_copy(struct mm_struct *mm, struct mnck_subscription *to,
				     unsigned int size, struct mnck_core_state *state)
{
	struct subscriptions *all = subscriptions_of(mm);
	const struct mmu_interval_notifier *interval;
	struct interval_tree_node *node;
	struct mmu_notifier notifier;
	struct hlist_node *next;
	unsigned int n = 0;

	guard(spinlock)(&all->lock);
	*state = (struct mnck_core_state){
		.invalidate_seq = all->invalidate_seq,
		.active_ranges = all->active_invalidate_ranges,
	};
	/* The last that was added is called first. */
	for (next = all->list.first; next && n < LIST_MAX; next = notifier.hlist.next) {
		const struct mmu_notifier *address =
			hlist_entry(next, struct mmu_notifier, hlist);

		if (copy_from_kernel_nofault(&notifier, address, sizeof(notifier)))
			break;
		if (n < size)
			to[n] = copy_notifier(&notifier, address);
		n++;
	}
	for (node = interval_tree_iter_first(&all->itree, 0, ULONG_MAX); node;
	     node = interval_tree_iter_next(node, 0, ULONG_MAX)) {
		if (n < size)
			to[n] = copy_interval(container_of(node, struct mmu_interval_notifier,
							   interval_tree));
		n++;
	}
	/* What is inserted while a range is open comes into the tree when that is over. */
	hlist_for_each_entry(interval, &all->deferred_list, deferred_item) {
		if (!RB_EMPTY_NODE(&interval->interval_tree.rb))
			continue;
		if (n < size)
			to[n] = copy_interval(interval);
		n++;
	}
	return n;
}

void mnck_subscriptions_driver(const struct mnck_subscription *subscription,
			       char name[MNCK_DRIVER_LEN])
{
	char symbol[KSYM_SYMBOL_LEN];

	sprint_symbol_no_offset(symbol, subscription->ops);
	/* No symbol: the kernel has no CONFIG_KALLSYMS_ALL, or the module has gone. */
	if (!strncmp(symbol, "0x", 2) && subscription->callback)
		sprint_symbol_no_offset(symbol, subscription->callback);
	if (!strncmp(symbol, "0x", 2))
		strscpy(symbol, "(unloaded)");
	copy_name(name, symbol);
}

#if IS_BUILTIN(CONFIG_KUNIT)
#include "subscriptions_kunit.c"
#endif
