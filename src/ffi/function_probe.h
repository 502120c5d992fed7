/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Probes on the callbacks of MMU notifiers and on functions of the core: see
 * function_probe.rs.  bindgen reads this file.
 *
 * A function is probed by fprobe, or by kretprobe if it has no place for ftrace, as
 * functions of Rust.  A probe is kept only if the instruction at the site was
 * patched.
 */
#ifndef MNCK_FUNCTION_PROBE_H
#define MNCK_FUNCTION_PROBE_H

#include <linux/types.h>

#include "subscriptions.h"

struct mm_struct;
struct mnck_function_probe;

/* The probed functions of the core.  Callbacks have the numbers of enum mnck_callback. */
enum mnck_core_function {
	MNCK_CORE_START = 16,
	MNCK_CORE_END,
	MNCK_CORE_REGISTER,
	MNCK_CORE_GET,
	MNCK_CORE_INSERT,
	MNCK_CORE_UNREGISTER,
	MNCK_CORE_REMOVE,
	MNCK_CORE_READ_BEGIN,
	MNCK_CORE_PUT,
	MNCK_CORE_YOUNG,
	MNCK_CORE_RELEASE,
};

struct mmu_notifier_range;

/* What an observer keeps from the call to the return of a function, in words. */
#define MNCK_PROBE_STATE 4

/* A probed function: one of enum mnck_callback or enum mnck_core_function, and its index. */
struct mnck_probed_function {
	u16 number;
	u16 index;
};

/*
 * A call of a probed function: its arguments, as far as it has them.  It is in the memory that
 * the kernel has for the call, from then until the function returns.  That is 15 words at most,
 * and is not cleared: only the members that are named for a function are written.
 */
struct mnck_probed_call {
	/* The probe's serial number.  No two have the same, even if they had the same memory. */
	u64 serial;
	struct mnck_probed_function of;
	/* A put: whether it is the last, which has the subscription freed. */
	bool is_last;
	/* A function of the core: whether earlier calls were missed. */
	bool has_missed;
	/* The instruction after the call. */
	unsigned long caller;
	/* The notifier or the interval notifier, or 0. */
	unsigned long subscription;
	unsigned long mm;
	/* The range, which is there until its end has returned, or NULL. */
	const struct mmu_notifier_range *range;
	/*
	 * The table of callbacks, for functions that register or end a subscription.  The start
	 * and the end, in bytes, of an interval that is inserted or removed, and of pages that
	 * may be young.
	 */
	unsigned long ops;
	unsigned long start;
	unsigned long end;
	/* The sequence number that an interval callback was called with. */
	unsigned long sequence;
	/* Where a first pass leaves a finish structure, or NULL. */
	struct mmu_interval_notifier_finish **finish;
	u64 state[MNCK_PROBE_STATE];
};

/* What has become of a call, when the function returns. */

/* A start: returns whether the subscription has an end. */
bool mnck_probed_call_has_end(const struct mnck_probed_call *call);
/* A first pass: returns whether it has left a finish structure. */
bool mnck_probed_call_left_finish(const struct mnck_probed_call *call);
/*
 * A function that registers a subscription, and returns @result: returns that subscription, or
 * 0 if there is none.  A get may return one that was there before.
 */
unsigned long mnck_probed_call_registered(const struct mnck_probed_call *call,
					  unsigned long result);

/*
 * @enter is called before a probed function runs, and returns 0 if @leave is to be called
 * before the function returns, as the handler of a kretprobe does.  Both are called in the context
 * of the function with preemption disabled, and must not sleep.
 */
struct mnck_observer {
	const void *observer;
	/*
	 * Returns whether the current task may call a callback for @range, or for the range that
	 * it starts if that is 0.  Only asked by a probe that is tentative.
	 */
	bool (*expects)(const void *observer, unsigned long range);
	int (*enter)(const void *observer, struct mnck_probed_call *call);
	void (*leave)(const void *observer, const struct mnck_probed_call *call,
		      unsigned long result);
};

/* How a function is probed. */
enum mnck_probed_by {
	MNCK_PROBED_NOT,
	MNCK_PROBED_BY_FPROBE,
	MNCK_PROBED_BY_KRETPROBE,
};

/*
 * Keeps the kernel's fprobe in use, until mnck_function_probe_release(): see function_probe.c.
 * Both sleep.
 */
void mnck_function_probe_hold(void);
void mnck_function_probe_release(void);

/* Returns the address of a function of the kernel, or 0.  Sleeps. */
unsigned long mnck_function_address(const char *symbol);

/*
 * Makes a probe for at most @size functions, which is not registered.  Returns NULL if
 * there is no memory.  Sleeps.
 *
 * If it is @tentative, it is not certain that the functions are callbacks: a call is only
 * observed if the table of the subscription has the function.  They are callbacks for a range.
 *
 * If it is @counting, the calls of each function are counted.
 */
struct mnck_function_probe *mnck_function_probe_new(unsigned int size,
						    const struct mnck_observer *observer,
						    bool tentative, bool counting);
/* Says that the functions are callbacks. */
void mnck_function_probe_confirm(struct mnck_function_probe *probe);
/* Adds a function to a probe that is not registered and not full. */
void mnck_function_probe_add(struct mnck_function_probe *probe, unsigned int function,
			     unsigned long address);
/* Registers the probe, with as many functions as can be probed.  Sleeps. */
void mnck_function_probe_register(struct mnck_function_probe *probe);
/* Returns how the function with this index is probed. */
enum mnck_probed_by mnck_function_probe_by(const struct mnck_function_probe *probe,
					   unsigned int index);
/*
 * Returns how often the function with this index has returned to the observer, if the probe was
 * made to count.
 */
unsigned long mnck_function_probe_calls(const struct mnck_function_probe *probe,
					unsigned int index);
/* Returns how many calls were missed. */
unsigned long mnck_function_probe_missed(const struct mnck_function_probe *probe);
/* Unregisters the probe, sleeps until it is not used any more, and frees it. */
void mnck_function_probe_free(struct mnck_function_probe *probe);

#endif /* MNCK_FUNCTION_PROBE_H */
