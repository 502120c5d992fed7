// SPDX-License-Identifier: GPL-2.0
/*
 * Probes on the callbacks of MMU notifiers and on functions of the core.
 *
 * fprobe takes the address of a function and looks up the site that ftrace patches.  In a
 * module, ftrace_location() may return the site of another function: an overridden weak
 * function leaves code without a symbol, which kallsyms adds to the function before it.  So
 * the exact site is computed here, and the instruction there is read after the registration.
 */
#include <linux/fprobe.h>
#include <linux/kprobes.h>
#include <linux/mmu_notifier.h>
#include <linux/overflow.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#ifdef CONFIG_X86_KERNEL_IBT
#include <asm/ibt.h>
#endif

#include "function_probe.h"
#include "subscriptions.h"

#ifdef CONFIG_FPROBE
static_assert(sizeof(struct mnck_probed_call) <= MAX_FPROBE_DATA_SIZE);
#endif

/* Which argument of a function is its range. */
enum range_argument {
	/* Of a callback: the second. */
	RANGE_OF_CALLBACK,
	/* Of a function of the core: the first. */
	RANGE_OF_CORE,
	NO_RANGE,
};

struct function {
	struct mnck_probed_function of;
	enum range_argument range;
	/* Whether it is a callback with a range and a sequence number. */
	bool has_sequence;
	unsigned long address;
	/* The instruction that ftrace patches. */
	unsigned long site;
	enum mnck_probed_by by;
	struct kretprobe kretprobe;
	struct mnck_function_probe *probe;
};

struct mnck_function_probe {
	struct fprobe fprobe;
	/* Whether the fprobe is registered. */
	bool registered;
	bool has_kretprobes;
	/* Whether it is not certain that the functions are callbacks. */
	bool tentative;
	struct mnck_observer observer;
	u64 serial;
	/* How often each function has returned to the observer, or NULL. */
	unsigned long __percpu *calls;
	unsigned int size;
	unsigned int number;
	/* Behind the last. */
	const struct function *end;
	struct function functions[] __counted_by(size);
};

/* How many calls of a function a kretprobe follows at a time. */
#define CALLS_MAX 64

bool mnck_probed_call_has_end(const struct mnck_probed_call *call)
{
	/* The core has called the function, so the subscription is there. */
	return ((struct mmu_notifier *)call->subscription)->ops->invalidate_range_end;
}

bool mnck_probed_call_left_finish(const struct mnck_probed_call *call)
{
	return call->finish && *call->finish;
}

unsigned long mnck_probed_call_registered(const struct mnck_probed_call *call,
					  unsigned long result)
{
	if (call->of.number != MNCK_CORE_GET)
		return (int)result ? 0 : call->subscription;
	return IS_ERR_VALUE(result) ? 0 : result;
}

/* The arguments of a probed function, by their number. */
typedef unsigned long (*argument_fn)(void *regs, unsigned int n);

/* Reads the arguments of a function that is called, which has no range. */
static void decode_other(unsigned int function, argument_fn argument, void *regs,
			 struct mnck_probed_call *to)
{
	unsigned long first = argument(regs, 0);

	to->is_last = false;
	to->subscription = first;
	to->mm = 0;
	to->range = NULL;
	to->ops = 0;
	to->start = 0;
	to->end = 0;
	switch (function) {
	case MNCK_CALLBACK_INVALIDATE_FINISH:
		to->subscription =
			(unsigned long)((struct mmu_interval_notifier_finish *)first)->notifier;
		fallthrough;
	case MNCK_CORE_READ_BEGIN:
		to->mm = (unsigned long)((struct mmu_interval_notifier *)to->subscription)->mm;
		break;
	case MNCK_CORE_REMOVE: {
		const struct mmu_interval_notifier *interval = (void *)first;

		to->mm = (unsigned long)interval->mm;
		to->ops = (unsigned long)interval->ops;
		to->start = interval->interval_tree.start;
		to->end = interval->interval_tree.last + 1;
		break;
	}
	case MNCK_CORE_REGISTER:
		/* An interval that is inserted registers NULL for its mm. */
		if (first)
			to->ops = (unsigned long)((struct mmu_notifier *)first)->ops;
		to->mm = argument(regs, 1);
		break;
	case MNCK_CORE_GET:
		to->subscription = 0;
		to->ops = first;
		to->mm = argument(regs, 1);
		break;
	case MNCK_CORE_PUT:
		/* The caller has a reference. */
		to->is_last = READ_ONCE(((struct mmu_notifier *)first)->users) == 1;
		to->ops = (unsigned long)((struct mmu_notifier *)first)->ops;
		to->mm = (unsigned long)((struct mmu_notifier *)first)->mm;
		break;
	case MNCK_CORE_UNREGISTER:
		to->ops = (unsigned long)((struct mmu_notifier *)first)->ops;
		to->mm = argument(regs, 1);
		break;
	case MNCK_CALLBACK_FREE:
		break;
	case MNCK_CORE_RELEASE:
		to->subscription = 0;
		to->mm = first;
		break;
	case MNCK_CORE_YOUNG:
		to->subscription = 0;
		to->mm = first;
		to->start = argument(regs, 1);
		to->end = argument(regs, 2);
		break;
	case MNCK_CORE_INSERT:
		to->ops = argument(regs, 4);
		to->mm = argument(regs, 1);
		to->start = argument(regs, 2);
		to->end = to->start + argument(regs, 3);
		break;
	default:
		to->mm = argument(regs, 1);
	}
}

/*
 * Returns whether the core calls a function as a callback, with arguments that need not be
 * addresses: the first leads to the table of callbacks of a subscription, which has it, and
 * the second is the range for which the core calls callbacks in this task.
 */
static noinline bool is_callback(const struct mnck_function_probe *probe,
				 const struct function *function, unsigned long first,
				 unsigned long second)
{
	unsigned long callbacks[MNCK_CALLBACKS];
	struct mmu_interval_notifier *interval = (void *)first;
	bool is_interval = true;
	unsigned long ops;

	/* First, so that nothing is read on behalf of other tasks. */
	if (!probe->observer.expects(probe->observer.observer,
				     function->of.number == MNCK_CALLBACK_INVALIDATE_FINISH ?
				     0 : second))
		return false;
	switch (function->of.number) {
	case MNCK_CALLBACK_START:
	case MNCK_CALLBACK_END:
		is_interval = false;
		if (get_kernel_nofault(ops, (unsigned long *)&((struct mmu_notifier *)first)->ops))
			return false;
		break;
	case MNCK_CALLBACK_INVALIDATE_FINISH:
		if (get_kernel_nofault(interval,
				       &((struct mmu_interval_notifier_finish *)first)->notifier))
			return false;
		fallthrough;
	case MNCK_CALLBACK_INVALIDATE:
	case MNCK_CALLBACK_INVALIDATE_START:
		if (get_kernel_nofault(ops, (unsigned long *)&interval->ops))
			return false;
		break;
	default:
		return false;
	}
	mnck_subscriptions_callbacks(ops, is_interval, callbacks);
	return callbacks[function->of.number] == function->address;
}

static bool has_missed(const struct mnck_function_probe *probe)
{
	return READ_ONCE(probe->fprobe.nmissed) ||
	       (probe->has_kretprobes && mnck_function_probe_missed(probe));
}

static int observe(const struct mnck_function_probe *probe, struct mnck_probed_call *call)
{
	return probe->observer.enter(probe->observer.observer, call);
}

/* Reads the arguments of a function with a range.  Returns 0 if its return is to be observed. */
static __always_inline int enter_range(const struct mnck_function_probe *probe,
				       const struct function *function, argument_fn argument,
				       void *regs, struct mnck_probed_call *call)
{
	const struct mmu_notifier_range *range;

	if (function->range == RANGE_OF_CALLBACK) {
		call->subscription = argument(regs, 0);
		range = (void *)argument(regs, 1);
	} else {
		call->subscription = 0;
		call->has_missed = has_missed(probe);
		range = (void *)argument(regs, 0);
	}
	call->range = range;
	call->mm = range ? (unsigned long)range->mm : 0;
	if (function->has_sequence) {
		call->sequence = argument(regs, 2);
		call->finish = function->of.number == MNCK_CALLBACK_INVALIDATE_START ?
			       (void *)argument(regs, 3) : NULL;
	}
	return observe(probe, call);
}

/* As enter_range(), for other functions, and for those that may be no callbacks. */
static noinline int enter_other(const struct mnck_function_probe *probe,
				const struct function *function, argument_fn argument, void *regs,
				struct mnck_probed_call *call)
{
	if (READ_ONCE(probe->tentative) &&
	    !is_callback(probe, function, argument(regs, 0), argument(regs, 1)))
		return 1;
	if (function->range != NO_RANGE)
		return enter_range(probe, function, argument, regs, call);
	call->has_missed = has_missed(probe);
	decode_other(function->of.number, argument, regs, call);
	return observe(probe, call);
}

/*
 * A function is called.  What most calls need is inline, and calls no other function but the
 * observer.  Returns 0 if the return of the function is to be observed.
 */
static __always_inline int enter(const struct mnck_function_probe *probe,
				 const struct function *function, unsigned long caller,
				 argument_fn argument, void *regs, struct mnck_probed_call *call)
{
	call->serial = probe->serial;
	call->of = function->of;
	call->caller = caller;
	if (unlikely(function->range == NO_RANGE || READ_ONCE(probe->tentative)))
		return enter_other(probe, function, argument, regs, call);
	return enter_range(probe, function, argument, regs, call);
}

static __always_inline void leave(struct mnck_function_probe *probe, unsigned long result,
				  struct mnck_probed_call *call)
{
	/* Else the probe that has seen the call has gone. */
	if (likely(call->serial == probe->serial)) {
		if (probe->calls)
			this_cpu_inc(probe->calls[call->of.index]);
		probe->observer.leave(probe->observer.observer, call, result);
	}
}

#ifdef CONFIG_FPROBE
static unsigned long fprobe_argument(void *regs, unsigned int n)
{
	return ftrace_regs_get_argument((struct ftrace_regs *)regs, n);
}

static int fprobe_enter(struct fprobe *fprobe, unsigned long ip, unsigned long caller,
			struct ftrace_regs *regs, void *data)
{
	const struct mnck_function_probe *probe =
		container_of(fprobe, struct mnck_function_probe, fprobe);
	const struct function *function = probe->functions;

	while (function->site != ip) {
		if (++function == probe->end)
			return 1;
	}
	return enter(probe, function, caller, fprobe_argument, regs, data);
}

static void fprobe_leave(struct fprobe *fprobe, unsigned long ip, unsigned long caller,
			 struct ftrace_regs *regs, void *data)
{
	leave(container_of(fprobe, struct mnck_function_probe, fprobe),
	      ftrace_regs_get_return_value(regs), data);
}
#endif

#ifdef CONFIG_KRETPROBES
static unsigned long kretprobe_argument(void *regs, unsigned int n)
{
	return regs_get_kernel_argument(regs, n);
}

/* The instance of the kretprobe does not have it yet. */
static unsigned long caller_of(struct pt_regs *regs)
{
#if defined(CONFIG_X86_64)
	return regs_get_kernel_stack_nth(regs, 0);
#elif defined(CONFIG_ARM64)
	return procedure_link_pointer(regs);
#endif
}

static int kretprobe_enter(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct function *function =
		container_of(get_kretprobe(instance), struct function, kretprobe);

	return enter(function->probe, function, caller_of(regs), kretprobe_argument, regs,
		     (struct mnck_probed_call *)instance->data);
}
NOKPROBE_SYMBOL(kretprobe_enter);

static int kretprobe_leave(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct kretprobe *kretprobe = get_kretprobe(instance);

	if (kretprobe)
		leave(container_of(kretprobe, struct function, kretprobe)->probe,
		      regs_return_value(regs), (struct mnck_probed_call *)instance->data);
	return 0;
}
NOKPROBE_SYMBOL(kretprobe_leave);
#endif

static u32 instruction_at(unsigned long address)
{
	u32 instruction;

	if (copy_from_kernel_nofault(&instruction, (void *)address, sizeof(instruction)))
		return 0;
	return instruction;
}

#ifdef CONFIG_KPROBES
unsigned long mnck_function_address(const char *symbol)
{
	/* The only way that is exported to modules. */
	struct kprobe kprobe = { .symbol_name = symbol };
	unsigned long address;

	if (register_kprobe(&kprobe))
		return 0;
	address = (unsigned long)kprobe.addr;
	unregister_kprobe(&kprobe);
#ifdef CONFIG_X86_KERNEL_IBT
	/* A kprobe comes after the ENDBR of a function, and a pointer to the function before. */
	if (__is_endbr(instruction_at(address - 4)))
		address -= 4;
#endif
	return address;
}
#else
unsigned long mnck_function_address(const char *symbol)
{
	return 0;
}
#endif

/* Returns the address of the instruction of a function that ftrace patches. */
static unsigned long site_of(unsigned long address)
{
#if defined(CONFIG_X86_KERNEL_IBT)
	return __is_endbr(instruction_at(address)) ? address + 4 : address;
#elif defined(CONFIG_X86_64)
	return address;
#elif defined(CONFIG_ARM64)
	u32 first = instruction_at(address);

	/* bti c, or bti jc. */
	return address + (first == 0xd503245f || first == 0xd50324df ? 8 : 4);
#else
#error "add the place that ftrace patches"
#endif
}

static bool is_patched(unsigned long site)
{
#if defined(CONFIG_X86_64)
	return (instruction_at(site) & 0xff) == 0xe8; /* call */
#elif defined(CONFIG_ARM64)
	return (instruction_at(site) & 0xfc000000) == 0x94000000; /* bl */
#endif
}

#ifdef CONFIG_FPROBE
/* A function that is called only to find out about its probe. */
static noinline void own_function(void)
{
	barrier();
}

/*
 * The word that the function graph tracer has stored behind the data of the last call of
 * own_function(), or 0.  Only the task that registers the probe calls it.
 */
static unsigned long data_word;

static int own_entered(struct fprobe *fprobe, unsigned long ip, unsigned long caller,
		       struct ftrace_regs *regs, void *data)
{
	const unsigned long *word = data;

	WRITE_ONCE(data_word, word[1]);
	return 1;
}

static void own_left(struct fprobe *fprobe, unsigned long ip, unsigned long caller,
		     struct ftrace_regs *regs, void *data)
{
}

static struct fprobe held = {
	.entry_handler = own_entered,
	.exit_handler = own_left,
	.entry_data_size = sizeof(unsigned long),
};

static bool is_held;

static bool hold(void)
{
	unsigned long address = (unsigned long)own_function;
	unsigned long site;

	/* Else objtool sees an address in the midst of a function. */
	OPTIMIZER_HIDE_VAR(address);
	site = site_of(address);
	return !register_fprobe_ips(&held, &site, 1);
}

/*
 * Returns whether fprobe has index 0, or the word is not as in kernel/trace/fgraph.c of Linux
 * 7.3: with FGRAPH_TYPE_DATA in bits 10 and 11, and the index in bits 17 to 20.
 */
static bool may_have_first_index(void)
{
	unsigned long word;

	WRITE_ONCE(data_word, 0);
	own_function();
	word = READ_ONCE(data_word);
	return ((word >> 10) & 3) != 2 || !((word >> 17) & 15);
}

/*
 * All fprobes with an exit handler share one user of the function graph tracer, which gets
 * one of 16 indices when the first of them is registered: that which is free for longest.
 * With index 0 Linux 7.3 warns, in fprobe_return(), when a function returns that another
 * user, or fprobe with another index, has seen being called: function_graph_enter_regs()
 * sets bit 0 for all.  So the index must not move while callbacks run that mnck has probed,
 * and must not be the first.
 */
void mnck_function_probe_hold(void)
{
	if (is_held)
		return;
	is_held = hold();
	if (!is_held || !may_have_first_index())
		return;
	/* Gets the next one, unless another user of fprobe keeps this one. */
	unregister_fprobe(&held);
	is_held = hold();
}

void mnck_function_probe_release(void)
{
	if (is_held)
		unregister_fprobe(&held);
	is_held = false;
}
#else
void mnck_function_probe_hold(void)
{
}

void mnck_function_probe_release(void)
{
}
#endif

struct mnck_function_probe *mnck_function_probe_new(unsigned int size,
						    const struct mnck_observer *observer,
						    bool tentative, bool counting)
{
	static atomic64_t serial;
	struct mnck_function_probe *probe = kzalloc_flex(*probe, functions, size);

	if (!probe)
		return NULL;
	if (counting) {
		probe->calls = __alloc_percpu(array_size(size, sizeof(*probe->calls)),
					      sizeof(*probe->calls));
		if (!probe->calls) {
			kfree(probe);
			return NULL;
		}
	}
	probe->size = size;
	probe->observer = *observer;
	probe->tentative = tentative;
	probe->serial = atomic64_inc_return(&serial);
	return probe;
}

void mnck_function_probe_confirm(struct mnck_function_probe *probe)
{
	WRITE_ONCE(probe->tentative, false);
}

static enum range_argument range_of(unsigned int function)
{
	switch (function) {
	case MNCK_CALLBACK_START:
	case MNCK_CALLBACK_END:
	case MNCK_CALLBACK_INVALIDATE:
	case MNCK_CALLBACK_INVALIDATE_START:
		return RANGE_OF_CALLBACK;
	case MNCK_CORE_START:
	case MNCK_CORE_END:
		return RANGE_OF_CORE;
	default:
		return NO_RANGE;
	}
}

void mnck_function_probe_add(struct mnck_function_probe *probe, unsigned int function,
			     unsigned long address)
{
	if (probe->number == probe->size)
		return;
	probe->functions[probe->number] = (struct function){
		.of = { .number = function, .index = probe->number },
		.range = range_of(function),
		.has_sequence = function == MNCK_CALLBACK_INVALIDATE ||
				function == MNCK_CALLBACK_INVALIDATE_START,
		.address = address,
		.site = site_of(address),
		.probe = probe,
	};
	probe->end = &probe->functions[++probe->number];
}

/* Registers the fprobe for the functions that it is said to probe. */
static int register_sites(struct mnck_function_probe *probe)
{
#ifdef CONFIG_FPROBE
	unsigned long *sites = kcalloc(probe->number, sizeof(*sites), GFP_KERNEL);
	unsigned int n = 0;
	int ret;

	if (!sites)
		return -ENOMEM;
	for (unsigned int i = 0; i < probe->number; i++) {
		if (probe->functions[i].by == MNCK_PROBED_BY_FPROBE)
			sites[n++] = probe->functions[i].site;
	}
	probe->fprobe = (struct fprobe){
		.entry_handler = fprobe_enter,
		.exit_handler = fprobe_leave,
		.entry_data_size = sizeof(struct mnck_probed_call),
	};
	ret = n ? register_fprobe_ips(&probe->fprobe, sites, n) : -ENOENT;
	probe->registered = !ret;
	kfree(sites);
	return ret;
#else
	return -EOPNOTSUPP;
#endif
}

static void unregister_sites(struct mnck_function_probe *probe)
{
	if (probe->registered)
		unregister_fprobe(&probe->fprobe);
	probe->registered = false;
}

/*
 * Finds out whether ftrace can patch the function, which is not probed.
 * register_fprobe_ips() fails for all addresses if ftrace has no record of one.
 */
static void try_site(struct mnck_function_probe *probe, struct function *function)
{
	function->by = MNCK_PROBED_BY_FPROBE;
	if (register_sites(probe) || !is_patched(function->site))
		function->by = MNCK_PROBED_NOT;
	unregister_sites(probe);
}

static void register_others(struct mnck_function_probe *probe)
{
#ifdef CONFIG_KRETPROBES
	for (unsigned int i = 0; i < probe->number; i++) {
		struct function *function = &probe->functions[i];

		if (function->by != MNCK_PROBED_NOT)
			continue;
		function->kretprobe = (struct kretprobe){
			.kp.addr = (kprobe_opcode_t *)function->address,
			.entry_handler = kretprobe_enter,
			.handler = kretprobe_leave,
			.data_size = sizeof(struct mnck_probed_call),
			.maxactive = CALLS_MAX,
		};
		if (!register_kretprobe(&function->kretprobe))
			function->by = MNCK_PROBED_BY_KRETPROBE;
		probe->has_kretprobes |= function->by == MNCK_PROBED_BY_KRETPROBE;
	}
#endif
}

void mnck_function_probe_register(struct mnck_function_probe *probe)
{
	bool all = true;

	for (unsigned int i = 0; i < probe->number; i++)
		probe->functions[i].by = MNCK_PROBED_BY_FPROBE;
	if (!register_sites(probe)) {
		for (unsigned int i = 0; i < probe->number; i++)
			all = all && is_patched(probe->functions[i].site);
		if (all)
			return;
		unregister_sites(probe);
	}

	/* Tests each function alone, then registers the functions that ftrace can patch. */
	for (unsigned int i = 0; i < probe->number; i++)
		probe->functions[i].by = MNCK_PROBED_NOT;
	for (unsigned int i = 0; i < probe->number; i++)
		try_site(probe, &probe->functions[i]);
	if (register_sites(probe)) {
		for (unsigned int i = 0; i < probe->number; i++)
			probe->functions[i].by = MNCK_PROBED_NOT;
	}
	register_others(probe);
}

enum mnck_probed_by mnck_function_probe_by(const struct mnck_function_probe *probe,
					   unsigned int index)
{
	return index < probe->number ? probe->functions[index].by : MNCK_PROBED_NOT;
}

unsigned long mnck_function_probe_calls(const struct mnck_function_probe *probe,
					unsigned int index)
{
	unsigned long calls = 0;
	int cpu;

	if (!probe->calls || index >= probe->number)
		return 0;
	for_each_possible_cpu(cpu)
		calls += READ_ONCE(*per_cpu_ptr(&probe->calls[index], cpu));
	return calls;
}

unsigned long mnck_function_probe_missed(const struct mnck_function_probe *probe)
{
	unsigned long missed = READ_ONCE(probe->fprobe.nmissed);

#ifdef CONFIG_KRETPROBES
	for (unsigned int i = 0; i < probe->number; i++)
		missed += READ_ONCE(probe->functions[i].kretprobe.nmissed) +
			  READ_ONCE(probe->functions[i].kretprobe.kp.nmissed);
#endif
	return missed;
}

void mnck_function_probe_free(struct mnck_function_probe *probe)
{
	unregister_sites(probe);
#ifdef CONFIG_KRETPROBES
	for (unsigned int i = 0; i < probe->number; i++) {
		if (probe->functions[i].by == MNCK_PROBED_BY_KRETPROBE)
			unregister_kretprobe(&probe->functions[i].kretprobe);
	}
#endif
	free_percpu(probe->calls);
	kfree(probe);
}
