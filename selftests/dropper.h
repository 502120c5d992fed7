/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ioctls of /dev/mnck-dropper.  Each takes a number and returns one, or -1
 * and errno; dropper_module/ has the same names and numbers.
 */
#ifndef MNCK_SELFTEST_DROPPER_H
#define MNCK_SELFTEST_DROPPER_H

#include <linux/ioctl.h>

/* Attach subscribers to the caller's mm, one enum dropper_what to an open file. */
#define DROPPER_ATTACH _IO('|', 0x90)
#define DROPPER_DETACH _IO('|', 0x91)
/* How often a callback came, by enum dropper_callback. */
#define DROPPER_CALLS _IO('|', 0x92)
/* And how often the abstraction took it for none. */
#define DROPPER_MISSED _IO('|', 0x93)

enum dropper_what {
	/*
	 * One of each flavour, which ask in each callback where they are, but
	 * for those that refuse: next to an interval these hang a kernel that
	 * forgets to end the range for intervals (7.3 does).
	 */
	DROPPER_PROBES,
	/* One that refuses what it may, and one that is paired. */
	DROPPER_REFUSED,
	/* One whose first start, or invalidate, drops the registration of another. */
	DROPPER_DROPS_IN_START,
	DROPPER_DROPS_IN_INVALIDATE,
};

enum dropper_callback {
	DROPPER_START,
	DROPPER_END,
	/* The end that undoes a start, since another subscriber has refused. */
	DROPPER_UNDOING_END,
	DROPPER_RELEASE,
	DROPPER_FLUSH,
	DROPPER_CLEAR_FLUSH_YOUNG,
	DROPPER_CLEAR_YOUNG,
	DROPPER_TEST_YOUNG,
	DROPPER_INVALIDATE,
	DROPPER_FIRST_PASS,
	DROPPER_FINISH,
	/* A start, asked from many calls further down. */
	DROPPER_NESTED,
	/* The start, or invalidate, of the one that was dropped. */
	DROPPER_DROPPED,
	DROPPER_CALLBACKS,
};

#endif /* MNCK_SELFTEST_DROPPER_H */
