// SPDX-License-Identifier: GPL-2.0
/*
 * Rule failing-end: a subscriber whose start can fail has no end.  When a start has
 * failed, the core calls the end of every subscriber that has one, and a subscriber
 * cannot tell whether its own start was the one that failed.
 *
 * A driver in C whose start fails and that has an end, as RDMA ODP did until 2019, is
 * reported.  The core sees its start succeed, and the driver does not get the end of a
 * range that it has refused.
 */
#include "kmsg.h"
#include "mnck_harness.h"
#include "proc.h"
#include "reap_victim.h"
#include "victim.h"
#include "violation.h"

FIXTURE(failing_end)
{
	int fd;
	int kmsg;
	struct victim victim;
	struct reapable reap;
	struct subscriber counter;
	struct subscriber faulty;
};

/* The core calls the newest registration first. */
FIXTURE_VARIANT(failing_end)
{
	bool faulty_is_newest;
};

FIXTURE_VARIANT_ADD(failing_end, faulty_first)
{
	.faulty_is_newest = true,
};

FIXTURE_VARIANT_ADD(failing_end, counter_first)
{
	.faulty_is_newest = false,
};

FIXTURE_SETUP(failing_end)
{
	struct victim *v = &self->victim;

	SETUP_VICTIM(4 * getpagesize());
	if (variant->faulty_is_newest)
		ASSERT_EQ(0, mnck_attach(self->fd, v->pid, MNCK_KIND_COUNTER, &self->counter));
	ASSERT_EQ(0, faulty_attach(self->fd, v->pid, MNCK_FAULT_FAILING_END, MNCK_IN_START,
				   NULL, 0, &self->faulty));
	if (!variant->faulty_is_newest)
		ASSERT_EQ(0, mnck_attach(self->fd, v->pid, MNCK_KIND_COUNTER, &self->counter));
}

FIXTURE_TEARDOWN(failing_end)
{
	TEARDOWN_VICTIM();
}

/* The driver counts as KVM does: an end too many would be a violation of rule pairing. */
TEST_F_TIMEOUT(failing_end, mrelease, MNCK_TIMEOUT)
{
	struct victim *v = &self->victim;
	struct violation violation;

	/* It does not refuse a blockable range, and gets its end. */
	ASSERT_EQ(0, victim_do(v, VICTIM_DONTNEED, VICTIM_AREA, getpagesize()));
	EXPECT_NO_VIOLATION(&self->faulty);
	EXPECT_CALLS(&self->faulty, 1, 1, 0);
	EXPECT_NO_LINE(self->kmsg);

	STOP_IN_EXIT();
	violation = in_reaping(MNCK_RULE_FAILING_END,
			       "start refused, but the subscriber has an end",
			       &self->reap);
	announce(&violation, &self->faulty);

	for (unsigned int round = 1; round <= 2; round++) {
		struct mnck_stats counter;
		__u64 ranges = (__u64)round * self->reap.vmas;

		EXPECT_EQ(0, victim_mrelease(v));
		EXPECT_EQ(0, proc_rss_anon(v->pid));
		EXPECT_VIOLATIONS(&self->faulty, MNCK_RULE_FAILING_END, ranges);
		EXPECT_CALLS(&self->faulty, 1 + ranges, 1, ranges);
		counter = stats_now(&self->counter);
		EXPECT_EQ(1 + ranges, counter.starts);
		EXPECT_EQ(1 + ranges, counter.ends);
		EXPECT_EQ(0, counter.open);
	}
	EXPECT_NAMED(self->kmsg, &violation, &self->faulty);
}

/*
 * Another subscriber, which may refuse, refuses as well: the core ends the range for the
 * counter, and the driver still gets no end.
 */
TEST_F_TIMEOUT(failing_end, undoing_end, MNCK_TIMEOUT)
{
	struct victim *v = &self->victim;
	struct violation violation;
	struct subscriber refuses;
	struct mnck_stats counter;

	ASSERT_EQ(0, faulty_attach(self->fd, v->pid, MNCK_FAULT_REFUSES, MNCK_IN_START,
				   NULL, 0, &refuses));
	STOP_IN_EXIT();
	violation = in_reaping(MNCK_RULE_FAILING_END,
			       "start refused, but the subscriber has an end",
			       &self->reap);
	announce(&violation, &self->faulty);

	EXPECT_ERRNO(EAGAIN, victim_mrelease(v));
	EXPECT_CALLS(&self->faulty, self->reap.vmas, 0, self->reap.vmas);
	EXPECT_CALLS(&refuses, self->reap.vmas, 0, self->reap.vmas);
	EXPECT_NO_VIOLATION(&refuses);
	counter = stats_now(&self->counter);
	EXPECT_EQ(self->reap.vmas, counter.starts);
	EXPECT_EQ(self->reap.vmas, counter.ends);
	EXPECT_EQ(0, counter.open);
	EXPECT_NAMED(self->kmsg, &violation, &self->faulty);
}

TEST_HARNESS_MAIN
