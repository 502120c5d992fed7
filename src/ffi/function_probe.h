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

/* A call of a probed function: its arguments, as far as it has them. */
struct mnck_probed_call {
	/* One of enum mnck_callback or enum mnck_core_function. */
	unsigned int function;
	/* The instruction after the call, or 0 when the function returns. */
	unsigned long caller;
	/* The notifier or the interval notifier. */
	unsigned long subscription;
	unsigned long mm;
	/* Its table of callbacks, for functions that register or end a subscription. */
	unsigned long ops;
	/* A put: whether it is the last, which has the subscription freed. */
	bool is_last;
	/*
	 * The range, if @has_range.  When a callback returns, only its address is known:
	 * mnck_probed_call_read_range() reads the rest.  Pages that may be young and intervals
	 * that are inserted or removed have only a start and an end.
	 */
	bool has_range;
	bool blockable;
	/* Whether range->owner is set.  That driver may ignore the range. */
	bool has_owner;
	unsigned int event;
	unsigned long range;
	unsigned long start;
	unsigned long end;

	/* A function that is called: whether earlier calls were missed. */
	bool has_missed;

	/* The rest is only for a function that returns. */
	unsigned long result;
	/* A start: whether the subscription has an end. */
	bool has_end;
	/* An interval callback: whether the sequence was set. */
	bool sequence_set;
	/* A first pass: whether it has left a finish structure. */
	bool left_finish;
	/* A function that registers a subscription: whether there is a new one. */
	bool has_registered;
};

/* Reads the range of a callback that returns, if it has one. */
void mnck_probed_call_read_range(struct mnck_probed_call *call);

/* What an observer keeps from the call to the return of a function. */
#define MNCK_PROBE_STATE 6

/*
 * @enter is called before a probed function runs, and returns whether @leave is to be
 * called before the function returns.  Both are called in the context of the function
 * with preemption disabled, and must not sleep.
 */
struct mnck_observer {
	const void *observer;
	/*
	 * Returns whether the current task may call a callback for @range, or for the range that
	 * it starts if that is 0.  Only asked by a probe that is tentative.
	 */
	bool (*expects)(const void *observer, unsigned long range);
	bool (*enter)(const void *observer, const struct mnck_probed_call *call, u64 *state);
	void (*leave)(const void *observer, const struct mnck_probed_call *call,
		      const u64 *state);
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
 */
struct mnck_function_probe *mnck_function_probe_new(unsigned int size,
						    const struct mnck_observer *observer,
						    bool tentative);
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
/* Returns how many calls were missed. */
unsigned long mnck_function_probe_missed(const struct mnck_function_probe *probe);
/* Unregisters the probe, sleeps until it is not used any more, and frees it. */
void mnck_function_probe_free(struct mnck_function_probe *probe);

#endif /* MNCK_FUNCTION_PROBE_H */
