// SPDX-License-Identifier: GPL-2.0
/*
 * The policy of 2019, all: everybody is started, and when somebody has refused
 * everybody is ended, who has refused among them.  No type of ours can be ended
 * without a start, but a driver in C can: one that tolerates it is as good as any,
 * and one that counts as KVM does is named by rule pairing.  Under the other
 * policies both are told nothing that they did not begin.
 */
#include "chain.h"
#include "kmsg.h"
#include "mnck_harness.h"
#include "proc.h"
#include "victim.h"
#include "violation.h"

#define AREA_SIZE (4L * getpagesize())

/* A counts, B refuses each non-blockable range and has an end. */
FIXTURE(chain_all)
{
	int fd;
	int kmsg;
	struct victim victim;
	struct reapable reap;
	struct subscriber chain;
	struct subscriber a;
	struct subscriber b;
};

FIXTURE_SETUP(chain_all)
{
	struct victim *v = &self->victim;

	self->fd = -1;
	self->kmsg = kmsg_open(O_NONBLOCK);
	ASSERT_LE(0, self->kmsg);
	ASSERT_EQ(0, victim_start(v, AREA_SIZE));
	ASSERT_EQ(0, victim_trace_exit(v));
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(chain_all)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	victim_kill(&self->victim);
	close(self->kmsg);
}

/*
 * B, then A, on the victim, which invalidates once where B may not refuse, and is
 * then doomed.
 */
#define ATTACH(_policy, _fault)                                                   \
	do {                                                                      \
		struct victim *v_ = &self->victim;                                \
										  \
		ASSERT_EQ(0, chain_attach(self->fd, v_->pid, _policy, &self->chain)); \
		ASSERT_EQ(0, faulty_join(&self->chain, _fault, MNCK_IN_START, &self->b)); \
		ASSERT_EQ(0, chain_join(&self->chain, MNCK_KIND_COUNTER, &self->a)); \
		ASSERT_EQ(0, victim_do(v_, VICTIM_DONTNEED, VICTIM_AREA, getpagesize())); \
		EXPECT_CALLS(&self->a, 1, 1, 0);                                  \
		EXPECT_CALLS(&self->b, 1, 1, 0);                                  \
		ASSERT_EQ(0, victim_doom(v_));                                    \
		ASSERT_EQ(0, proc_reapable(v_->pid, &self->reap));                \
	} while (0)

/* B refuses each range of two rounds, is ended all the same, and breaks the rule so often. */
#define EXPECT_ALL_ENDED(_violations_per_range)                                   \
	do {                                                                      \
		for (__u64 round_ = 1; round_ <= 2; round_++) {                   \
			__u64 n_ = round_ * self->reap.vmas;                      \
										  \
			EXPECT_ERRNO(EAGAIN, victim_mrelease(&self->victim));     \
			EXPECT_CALLS(&self->b, 1 + n_, 1 + n_, n_);               \
			EXPECT_VIOLATIONS(&self->b, MNCK_RULE_PAIRING,            \
					  (_violations_per_range) * n_);          \
			EXPECT_CALLS(&self->a, 1 + n_, 1 + n_, 0);                \
			EXPECT_NO_VIOLATION(&self->a);                            \
		}                                                                 \
	} while (0)

TEST_F_TIMEOUT(chain_all, intolerant, MNCK_TIMEOUT)
{
	struct victim *v = &self->victim;
	struct violation violation;
	struct mnck_stats stats;
	__u64 ranges;
	long rss;

	ATTACH(MNCK_POLICY_ALL, MNCK_FAULT_FAILING_END);
	rss = proc_rss_anon(v->pid);
	ASSERT_LT(0, rss);
	violation = in_reaping(MNCK_RULE_PAIRING,
			       "chain end without a start, which the driver does not tolerate",
			       &self->reap);
	announce(&violation, &self->b);
	EXPECT_ALL_ENDED(1);
	EXPECT_NAMED(self->kmsg, &violation, &self->b);

	/* Not one page was taken behind its back; once it has left all are. */
	EXPECT_EQ(rss, proc_rss_anon(v->pid));
	ASSERT_EQ(0, mnck_detach(&self->b, &stats));
	EXPECT_EQ(0, victim_mrelease(v));
	EXPECT_EQ(0, proc_rss_anon(v->pid));
	ranges = 3ULL * self->reap.vmas;
	EXPECT_CALLS(&self->a, 1 + ranges, 1 + ranges, 0);
}

TEST_F_TIMEOUT(chain_all, tolerant, MNCK_TIMEOUT)
{
	ATTACH(MNCK_POLICY_ALL, MNCK_FAULT_TOLERANT);
	EXPECT_ALL_ENDED(0);
	EXPECT_NO_LINE(self->kmsg);
}

/* Who has refused is not ended, and A behind it is not started. */
#define EXPECT_NOT_ENDED(_policy)                                                 \
	do {                                                                      \
		ATTACH(_policy, MNCK_FAULT_FAILING_END);                          \
		EXPECT_ERRNO(EAGAIN, victim_mrelease(&self->victim));             \
		EXPECT_CALLS(&self->b, 1 + self->reap.vmas, 1, self->reap.vmas);  \
		EXPECT_NO_VIOLATION(&self->b);                                    \
		EXPECT_CALLS(&self->a, 1, 1, 0);                                  \
		EXPECT_NO_LINE(self->kmsg);                                       \
	} while (0)

TEST_F_TIMEOUT(chain_all, not_by_exact, MNCK_TIMEOUT)
{
	EXPECT_NOT_ENDED(MNCK_POLICY_EXACT);
}

TEST_F_TIMEOUT(chain_all, not_by_skip, MNCK_TIMEOUT)
{
	EXPECT_NOT_ENDED(MNCK_POLICY_SKIP);
}

TEST_HARNESS_MAIN
