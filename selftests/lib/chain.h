/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Chains and their members, and what their statistics must say.
 */
#ifndef MNCK_SELFTEST_CHAIN_H
#define MNCK_SELFTEST_CHAIN_H

#include "mnck_harness.h"
#include "proc.h"

static inline int chain_attach(int fd, pid_t pid, __u32 policy, struct subscriber *chain)
{
	struct mnck_attach how = { .pid = pid, .kind = MNCK_KIND_CHAIN, .policy = policy };

	return mnck_attach_how(fd, how, chain);
}

/* A counter, or a trylock that has an end. */
static inline int chain_join(const struct subscriber *chain, __u32 kind, struct subscriber *member)
{
	struct mnck_attach how = {
		.kind = kind, .flags = MNCK_ATTACH_IN_CHAIN, .chain = chain->id,
	};

	return mnck_attach_how(chain->fd, how, member);
}

/* The invariants of a member, of whatever kind: returns "" or what is broken. */
static inline const char *member_broken(const struct mnck_stats *st)
{
	static struct mnck_text t;

	t = (struct mnck_text){};
	if (st->starts != st->ends + st->open + st->closed_by_detach + st->refusals)
		mnck_say(&t, "starts %llu != ends %llu + open %llu + closed %llu + refusals %llu; ",
			 st->starts, st->ends, st->open, st->closed_by_detach, st->refusals);
	if (st->refusals > st->non_blockable)
		mnck_say(&t, "refusals %llu > non_blockable %llu; ",
			 st->refusals, st->non_blockable);
	if (st->releases > 1)
		mnck_say(&t, "released %llu times; ", st->releases);
	return t.text;
}

#define EXPECT_SAME_MEMBER(_want, _got)                         \
	do {                                                    \
		struct mnck_stats want_ = (_want);              \
								\
		EXPECT_STREQ("", member_broken(_got));          \
		EXPECT_STREQ("", mnck_differs(&want_, _got));   \
	} while (0)

/* As EXPECT_STATS, for a chain or one of its members. */
#define EXPECT_MEMBER(_sub, _want)                              \
	do {                                                    \
		struct mnck_stats got_;                         \
								\
		ASSERT_EQ(0, mnck_stats(_sub, &got_));          \
		EXPECT_SAME_MEMBER(_want, &got_);               \
	} while (0)

/*
 * Waits until the statistics are those.  A release reaches the chain and its members one
 * after the other, and each of them counts it before it closes its pairs.
 */
#define WAIT_MEMBER(_sub, _want)                                \
	do {                                                    \
		struct mnck_stats awaited_ = (_want), now_;     \
								\
		WAIT_UNTIL(mnck_stats(_sub, &now_) ||           \
			   !*mnck_differs(&awaited_, &now_));   \
		EXPECT_MEMBER(_sub, awaited_);                  \
	} while (0)

/* And as EXPECT_DETACH. */
#define EXPECT_LEAVE(_sub, _want)                               \
	do {                                                    \
		struct mnck_stats got_;                         \
								\
		ASSERT_EQ(0, mnck_detach(_sub, &got_));         \
		EXPECT_SAME_MEMBER(released(_want), &got_);     \
	} while (0)

/* Of so many starts so many have refused, so many ended and so many were closed. */
static inline struct mnck_stats paired_off(struct mnck_stats want, __u64 refusals, __u64 ends,
					   __u64 closed)
{
	want.refusals = refusals;
	want.ends = ends;
	want.closed_by_detach = closed;
	want.open = want.starts - refusals - ends - closed;
	return want;
}

#endif /* MNCK_SELFTEST_CHAIN_H */
