/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Chains and their members, and what their statistics must be.
 */
#ifndef MNCK_SELFTEST_CHAIN_H
#define MNCK_SELFTEST_CHAIN_H

#include <time.h>

#include "device.h"
#include "stats.h"

int chain_attach(int fd, pid_t pid, struct subscriber *chain);

/* Adds a member: a counter, or a trylock, which has an end in a chain. */
int chain_join(const struct subscriber *chain, __u32 kind, struct subscriber *member);

/* Checks the invariants of a member of any kind.  Returns "", or what is broken. */
const char *member_broken(const struct mnck_stats *st);

/*
 * Splits up want.starts: @refusals were refused, @ends were ended, and @closed were
 * closed by a detach; the others are open.
 */
struct mnck_stats paired_off(struct mnck_stats want, __u64 refusals, __u64 ends, __u64 closed);

#define EXPECT_SAME_MEMBER(_want, _got)                         \
	do {                                                    \
		struct mnck_stats want_ = (_want);              \
								\
		EXPECT_STREQ("", member_broken(_got));          \
		EXPECT_STREQ("", mnck_differs(&want_, _got));   \
	} while (0)

/* EXPECT_STATS() for a chain or one of its members. */
#define EXPECT_MEMBER(_sub, _want)                              \
	do {                                                    \
		struct mnck_stats got_;                         \
								\
		ASSERT_EQ(0, mnck_stats(_sub, &got_));          \
		EXPECT_SAME_MEMBER(_want, &got_);               \
	} while (0)

/*
 * Waits until the statistics are these.  A release reaches the chain and its members
 * one after the other, and each of them counts the release before it closes its pairs.
 */
#define WAIT_MEMBER(_sub, _want)                                \
	do {                                                    \
		struct mnck_stats awaited_ = (_want), now_;     \
		time_t limit_ = time(NULL) + MNCK_TIMEOUT / 2;  \
								\
		WAIT_UNTIL(mnck_stats(_sub, &now_) ||           \
			   !*mnck_differs(&awaited_, &now_) ||  \
			   time(NULL) > limit_);                \
		EXPECT_MEMBER(_sub, awaited_);                  \
	} while (0)

/* EXPECT_DETACH() for a chain or one of its members. */
#define EXPECT_LEAVE(_sub, _want)                               \
	do {                                                    \
		struct mnck_stats got_;                         \
								\
		ASSERT_EQ(0, mnck_detach(_sub, &got_));         \
		EXPECT_SAME_MEMBER(released(_want), &got_);     \
	} while (0)

#endif /* MNCK_SELFTEST_CHAIN_H */
