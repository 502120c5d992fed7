// SPDX-License-Identifier: GPL-2.0
/*
 * The policy "all", proposed in 2019: all members get the start, and when one has
 * refused, all members get the end, the one that refused among them.  A Rust member
 * whose end takes the value of its start cannot get an end without a start, but a
 * driver in C can.  A driver that tolerates such an end breaks no rule; a driver that
 * counts its open ranges, as KVM does, is reported for rule pairing.  The other
 * policies call no end for the member that refused.
 */
#include "chain.h"
#include "kmsg.h"
#include "mnck_harness.h"
#include "proc.h"
#include "reap_victim.h"
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
	SETUP_VICTIM(AREA_SIZE);
}

FIXTURE_TEARDOWN(chain_all)
{
	TEARDOWN_VICTIM();
}

/*
 * Attaches a chain of B and then A to the victim.  The victim invalidates one blockable
 * range, which B may not refuse, and is then killed and stops in its exit.
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
		STOP_IN_EXIT();                                                   \
	} while (0)

/*
 * The victim is to be reaped twice.  B refuses each range, gets its end all the same,
 * and breaks rule pairing @_violations_per_range times in each.
 */
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

/* A driver that does not tolerate an end without a start is reported, once. */
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

	/* No page was reaped while B refused; all are once B has left. */
	EXPECT_EQ(rss, proc_rss_anon(v->pid));
	ASSERT_EQ(0, mnck_detach(&self->b, &stats));
	EXPECT_EQ(0, victim_mrelease(v));
	EXPECT_EQ(0, proc_rss_anon(v->pid));
	ranges = 3ULL * self->reap.vmas;
	EXPECT_CALLS(&self->a, 1 + ranges, 1 + ranges, 0);
}

/* A driver that ignores the end of a range that it has refused is not reported. */
TEST_F_TIMEOUT(chain_all, tolerant, MNCK_TIMEOUT)
{
	ATTACH(MNCK_POLICY_ALL, MNCK_FAULT_TOLERANT);
	EXPECT_ALL_ENDED(0);
	EXPECT_NO_LINE(self->kmsg);
}

/* B refuses and gets no end; A, which is behind B, gets no start. */
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
