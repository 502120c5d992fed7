/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The subscribers that stand beside a real driver on one mm: a counter, a trylock, a
 * mirror, and a chain of a counter and a trylock.
 *
 * Functions that return int return 0, or -1 and errno.
 */
#ifndef MNCK_SELFTEST_BESIDE_H
#define MNCK_SELFTEST_BESIDE_H

#include <stddef.h>
#include <sys/types.h>

#include "device.h"

struct beside {
	int fd;
	struct subscriber counter;
	struct subscriber trylock;
	struct subscriber mirror;
	struct subscriber chain;
	struct subscriber member_counter;
	struct subscriber member_trylock;
};

/*
 * Attaches all of them to a process; the mirror to @len bytes at @start.  The mirror is
 * left out if @len is 0.
 */
int beside_attach(struct beside *all, pid_t pid, void *start, size_t len);

/*
 * Checks that no range is open, that each subscriber has seen @starts ranges (the mirror
 * at most as many), that the counter and the chain have ended all of them, and that no
 * rule was broken.  Returns "", or what differs.
 *
 * A trylock in a chain ends what it has not refused; the chain's counter ends all, because
 * it is the first member.
 */
const char *beside_broken(const struct beside *all, __u64 starts);

/* Closes the session, and with it detaches all of them; does nothing if there is none. */
int beside_close(struct beside *all);

#endif /* MNCK_SELFTEST_BESIDE_H */
