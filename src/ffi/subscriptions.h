/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The subscriptions of all drivers: see subscriptions.rs.  bindgen reads this file.
 */
#ifndef MNCK_SUBSCRIPTIONS_H
#define MNCK_SUBSCRIPTIONS_H

#include <linux/types.h>

struct mm_struct;

/* The size of a buffer for the name of a driver or of a function. */
#define MNCK_DRIVER_LEN 128

/* A subscription, copied. */
struct mnck_subscription {
	/* The core's struct, or 0 if that is not known. */
	unsigned long address;
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
	/* Frees a subscription that was put.  No copied subscription has this bit. */
	MNCK_CALLBACK_FREE,
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
 * Reads what the core knows of the ranges of @mm, which has subscriptions, while a
 * function of the core runs for it.  Returns false if mnck_subscriptions_calibrate() has not
 * returned 0 yet.  Never sleeps.
 */
bool mnck_subscriptions_state(struct mm_struct *mm, struct mnck_core_state *state);

/*
 * Writes the addresses of the callbacks in a table of callbacks, or 0 for each that it does
 * not have, by enum mnck_callback.  Never sleeps.
 */
#define MNCK_CALLBACKS 11
void mnck_subscriptions_callbacks(unsigned long ops, bool is_interval,
				  unsigned long callbacks[MNCK_CALLBACKS]);

/* Fills in a subscription of which only the table and the kind are known.  Never sleeps. */
void mnck_subscriptions_fill(struct mnck_subscription *subscription);

/*
 * Reads the table of callbacks and the mm of a subscription that was put and is not freed.
 * Returns false if its memory is gone all the same.  Never sleeps.
 */
bool mnck_subscriptions_put_one(unsigned long subscription, unsigned long *ops,
				unsigned long *mm);

/* Writes the name of a function, and of its module. */
void mnck_function_name(unsigned long address, char name[MNCK_DRIVER_LEN]);

/*
 * Writes the name of the driver of a subscription: the symbol of its table of callbacks, or
 * if the kernel does not know that, of a callback; and the module.
 */
void mnck_subscriptions_driver(const struct mnck_subscription *subscription,
			       char name[MNCK_DRIVER_LEN]);

#endif /* MNCK_SUBSCRIPTIONS_H */
