/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ioctls of /dev/mnck-callback-misuse.  Each takes a number and returns one, or -1
 * and errno.  callback_misuse_main.rs and seen.rs have the same numbers.
 */
#ifndef MNCK_SELFTEST_CALLBACK_MISUSE_H
#define MNCK_SELFTEST_CALLBACK_MISUSE_H

#include <linux/ioctl.h>

/*
 * Attaches the subscribers of an enum misuse_what to the caller's mm, and detaches
 * those that the open file has attached before.
 */
#define MISUSE_ATTACH _IO('|', 0x90)
#define MISUSE_DETACH _IO('|', 0x91)
/* Returns how often a callback was called, by enum misuse_callback. */
#define MISUSE_CALLS _IO('|', 0x92)
/* Returns how often the abstraction did not recognise it as a callback. */
#define MISUSE_MISSED _IO('|', 0x93)

enum misuse_what {
	/*
	 * One subscriber of each kind but the fallible one, which check in each
	 * callback whether the abstraction recognises it.  Up to Linux 7.3 a
	 * refusal next to an interval subscriber hangs the kernel: the core does
	 * not end the range for the interval subscriber.
	 */
	MISUSE_PROBES,
	/* A paired subscriber, and one that refuses each non-blockable range. */
	MISUSE_REFUSED,
	/* A subscriber whose first start, or invalidate, drops another registration. */
	MISUSE_DROPS_IN_START,
	MISUSE_DROPS_IN_INVALIDATE,
	/*
	 * A subscriber that locks a mutex in its end, and one that refuses each
	 * non-blockable range, so that the end undoes a start.
	 */
	MISUSE_LOCKS_IN_END,
	/* A subscriber that locks a mutex in its invalidate. */
	MISUSE_LOCKS_IN_INVALIDATE,
};

enum misuse_callback {
	MISUSE_START,
	MISUSE_END,
	/* An end in a non-blockable range: it undoes a start, since another one refused. */
	MISUSE_UNDOING_END,
	MISUSE_RELEASE,
	MISUSE_FLUSH,
	MISUSE_CLEAR_FLUSH_YOUNG,
	MISUSE_CLEAR_YOUNG,
	MISUSE_TEST_YOUNG,
	MISUSE_INVALIDATE,
	MISUSE_FIRST_PASS,
	MISUSE_FINISH,
	/* A start, checked in a function that is 100 calls further down. */
	MISUSE_NESTED,
	/* The start, or invalidate, of the subscriber whose registration was dropped. */
	MISUSE_DROPPED,
	MISUSE_CALLBACKS,
};

#endif /* MNCK_SELFTEST_CALLBACK_MISUSE_H */
