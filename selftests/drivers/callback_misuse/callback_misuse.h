/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ioctls of /dev/mnck-callback-misuse.  Each takes a number and returns one, or -1
 * and errno;  has the same names and numbers.
 */
#ifndef MNCK_SELFTEST_CALLBACK_MISUSE_H
#define MNCK_SELFTEST_CALLBACK_MISUSE_H

#include <linux/ioctl.h>

/* Attach subscribers to the caller's mm, one enum misuse_what to an open file. */
#define MISUSE_ATTACH _IO('|', 0x90)
#define MISUSE_DETACH _IO('|', 0x91)
/* How often a callback came, by enum misuse_callback. */
#define MISUSE_CALLS _IO('|', 0x92)
/* And how often the abstraction took it for none. */
#define MISUSE_MISSED _IO('|', 0x93)

enum misuse_what {
	/*
	 * One of each flavour, which ask in each callback where they are, but
	 * for those that refuse: next to an interval these hang a kernel that
	 * forgets to end the range for intervals (7.3 does).
	 */
	MISUSE_PROBES,
	/* One that refuses what it may, and one that is paired. */
	MISUSE_REFUSED,
	/* One whose first start, or invalidate, drops the registration of another. */
	MISUSE_DROPS_IN_START,
	MISUSE_DROPS_IN_INVALIDATE,
};

enum misuse_callback {
	MISUSE_START,
	MISUSE_END,
	/* The end that undoes a start, since another subscriber has refused. */
	MISUSE_UNDOING_END,
	MISUSE_RELEASE,
	MISUSE_FLUSH,
	MISUSE_CLEAR_FLUSH_YOUNG,
	MISUSE_CLEAR_YOUNG,
	MISUSE_TEST_YOUNG,
	MISUSE_INVALIDATE,
	MISUSE_FIRST_PASS,
	MISUSE_FINISH,
	/* A start, asked from many calls further down. */
	MISUSE_NESTED,
	/* The start, or invalidate, of the one that was dropped. */
	MISUSE_DROPPED,
	MISUSE_CALLBACKS,
};

#endif /* MNCK_SELFTEST_CALLBACK_MISUSE_H */
