// SPDX-License-Identifier: GPL-2.0
#include <linux/hash.h>
#include <linux/hmm.h>
#include <linux/kallsyms.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/mmu_notifier.h>
#include <linux/sched/signal.h>
#include <linux/semaphore.h>
#include <linux/stacktrace.h>

#include "helpers.h"

void mnck_helper_non_block_start(void)
{
	non_block_start();
}

void mnck_helper_non_block_end(void)
{
	non_block_end();
}

int mnck_helper_mmap_write_lock_killable(struct mm_struct *mm)
{
	return mmap_write_lock_killable(mm);
}

void mnck_helper_mmap_write_unlock(struct mm_struct *mm)
{
	mmap_write_unlock(mm);
}

#if defined(CONFIG_STACKTRACE) && defined(CONFIG_KALLSYMS) && \
	!defined(CONFIG_UNWINDER_GUESS)

/*
 * The core does not mark a task that is in a callback, and a mark by mnck would cost
 * time in each callback.  The stack shows without such a cost that a task is in one:
 * all callbacks are called by functions whose names begin with these prefixes.  Some
 * of these functions may be inlined into others.
 */
static const char * const callers[] = {
	"__mmu_notifier_invalidate_range_",
	"__mmu_notifier_arch_invalidate_",
	"__mmu_notifier_clear_",
	"__mmu_notifier_test_young",
	"__mmu_notifier_release",
	/* These are declared inline, but a compiler may still emit them. */
	"mmu_notifier_arch_invalidate_",
	"mmu_notifier_clear_",
	"mmu_notifier_invalidate_range_",
	"mmu_notifier_release",
	"mmu_notifier_test_young",
	"mmu_notifier_free_rcu",
	"mmu_notifier_get_locked",
	"mmu_notifier_unregister",
	"mn_hlist_",
	"mn_itree_",
};

static noinline bool is_caller(unsigned long address)
{
	char name[KSYM_SYMBOL_LEN];
	size_t i;

	sprint_symbol_no_offset(name, address);
	/* Modules may have functions of the same names: "name [module]". */
	if (strchr(name, '['))
		return false;
	for (i = 0; i < ARRAY_SIZE(callers); i++)
		if (str_has_prefix(name, callers[i]))
			return true;
	return false;
}

#define OTHERS_BITS 8

/*
 * A cache of addresses that are not in those functions, because looking up a name
 * is slow.  An entry never becomes wrong: the kernel's own functions do not move, and
 * an address in a module is never in one of them.
 *
 * A set has two entries, because two addresses of one stack may hash to the same set.
 * With one entry each walk of that stack would look up both names, and write to a
 * cache line that all CPUs read.
 */
static unsigned long others[1 << OTHERS_BITS][2];

static bool calls_back(unsigned long address)
{
	unsigned long *set = others[hash_long(address, OTHERS_BITS)];

	if (READ_ONCE(set[0]) == address || READ_ONCE(set[1]) == address)
		return false;
	if (is_caller(address))
		return true;
	/* A race of two CPUs here loses an entry, no more. */
	WRITE_ONCE(set[1], READ_ONCE(set[0]));
	WRITE_ONCE(set[0], address);
	return false;
}

bool mnck_helper_in_callback(void)
{
	unsigned long entries[32];
	unsigned int n, i, skip = 1;

	do {
		n = stack_trace_save(entries, ARRAY_SIZE(entries), skip);
		for (i = 0; i < n; i++)
			if (calls_back(entries[i]))
				return true;
		skip += n;
	} while (n == ARRAY_SIZE(entries));
	return false;
}

unsigned long mnck_helper_initiator(struct task_struct *task)
{
	unsigned long entries[64];
	bool inside = false;
	unsigned int n, i;

	n = stack_trace_save_tsk(task, entries, ARRAY_SIZE(entries), 0);
	for (i = 0; i < n; i++) {
		if (calls_back(entries[i]))
			inside = true;
		else if (inside)
			return entries[i];
	}
	return 0;
}

#else

unsigned long mnck_helper_initiator(struct task_struct *task)
{
	return 0;
}

bool mnck_helper_in_callback(void)
{
	return false;
}

#endif

/* Not inlined, so that its buffer is not on the stack while that is walked. */
static noinline bool name_in_kernel(unsigned long address, char name[MNCK_SYMBOL_LEN])
{
	char symbol[KSYM_SYMBOL_LEN];

	sprint_symbol_no_offset(symbol, address);
	/* Not in the kernel itself: a module that unregisters its subscriber. */
	if (strchr(symbol, '['))
		return false;
	strscpy(name, symbol, MNCK_SYMBOL_LEN);
	return true;
}

bool mnck_helper_initiator_name(struct task_struct *task, char name[MNCK_SYMBOL_LEN])
{
	unsigned long address = mnck_helper_initiator(task);

	return address && name_in_kernel(address, name);
}

bool mnck_helper_warn_in_callback(void)
{
	return WARN(mnck_helper_in_callback(),
		    "mmu_notifier: a registration was dropped in a callback; it is leaked, since unregistering may wait for this callback\n");
}

#ifdef CONFIG_HMM_MIRROR

int mnck_helper_hmm_range_fault(struct mmu_interval_notifier *notifier,
				unsigned long seq, unsigned long start,
				unsigned long end, bool write,
				unsigned long *entries)
{
	struct hmm_range range = {
		.notifier = notifier,
		.notifier_seq = seq,
		.start = start,
		.end = end,
		.hmm_pfns = entries,
		.default_flags = HMM_PFN_REQ_FAULT | (write ? HMM_PFN_REQ_WRITE : 0),
	};
	int ret;

	ret = mmap_read_lock_killable(notifier->mm);
	if (ret)
		return ret;
	ret = hmm_range_fault(&range);
	mmap_read_unlock(notifier->mm);
	return ret;
}

long mnck_helper_hmm_pfn(unsigned long entry)
{
	return entry & HMM_PFN_VALID ? entry & ~HMM_PFN_FLAGS : -1;
}

bool mnck_helper_hmm_pfn_is_writable(unsigned long entry)
{
	return entry & HMM_PFN_WRITE;
}

#endif

bool mnck_helper_current_is_killed(void)
{
	return fatal_signal_pending(current);
}

void mnck_helper_sema_init(struct semaphore *sem, int val)
{
	sema_init(sem, val);
}
