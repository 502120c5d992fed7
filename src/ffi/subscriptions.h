/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The subscriptions of all drivers: see subscriptions.rs.  bindgen reads this file.
 */
#ifndef MNCK_SUBSCRIPTIONS_H
#define MNCK_SUBSCRIPTIONS_H

#include <linux/types.h>

struct mm_struct;

/* A subscription, copied. */
struct mnck_subscription {
	/* Its table of callbacks, and one of these. */
	unsigned long ops;
	unsigned long callback;
	/* The callbacks that it has: a bit for each of enum mnck_callback. */
	unsigned int callbacks;
	/* An interval: its first and its last byte. */
	bool is_interval;
	unsigned long start;
	unsigned long last;
};

/* The callbacks of a subscription, as bits. */
enum mnck_callback {
	MNCK_CALLBACK_RELEASE,
	MNCK_CALLBACK_START,
	MNCK_CALLBACK_END,
	MNCK_CALLBACK_CLEAR_FLUSH_YOUNG,
	MNCK_CALLBACK_CLEAR_YOUNG,
	MNCK_CALLBACK_TEST_YOUNG,
	MNCK_CALLBACK_SECONDARY_TLBS,
	MNCK_CALLBACK_INVALIDATE,
	MNCK_CALLBACK_INVALIDATE_START,
	MNCK_CALLBACK_INVALIDATE_FINISH,
};

/* What the core knows of the ranges of an mm that are open. */
struct mnck_core_state {
	unsigned long invalidate_seq;
	unsigned long active_ranges;
};

/*
 * Finds out whether the core keeps the subscriptions as this file assumes, with
 * subscriptions of the current process.  Returns 0; -EOPNOTSUPP if it does not; or another
 * error, after which the caller may try again.  Sleeps.
 */
int mnck_subscriptions_calibrate(void);

/*
 * Finds the process with the lowest id above @after that has subscriptions.  Returns its
 * id and a reference to its mm, which is dropped by mnck_subscriptions_put(); 0 if there
 * is none.  Writes the name of the process.
 */
int mnck_subscriptions_next(int after, struct mm_struct **mm, char comm[16]);
void mnck_subscriptions_put(struct mm_struct *mm);

/*
 * Copies at most @size subscriptions to @mm.  Returns their number, which may be larger
 * than @size.  mnck_subscriptions_calibrate() must have returned 0.  Never sleeps.
 */
unsigned int mnck_subscriptions_copy(struct mm_struct *mm, struct mnck_subscription *to,
				     unsigned int size, struct mnck_core_state *state);

/*
 * Writes the name of the driver of a subscription: the symbol of its table of callbacks, or
 * if the kernel does not know that, of a callback; and the module.
 */
#define MNCK_DRIVER_LEN 128
void mnck_subscriptions_driver(const struct mnck_subscription *subscription,
			       char name[MNCK_DRIVER_LEN]);

#endif /* MNCK_SUBSCRIPTIONS_H */
