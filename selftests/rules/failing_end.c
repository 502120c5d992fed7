// SPDX-License-Identifier: GPL-2.0
/*
 * Rule failing-end: a start that can fail has no end, since the core ends a range
 * for all who have one when a start has failed, and nobody can tell whether it was
 * his.  A driver in C that does both, as RDMA ODP did until 2019, is reported: its
 * refusal is none, and the end of what it has refused does not reach it.
 */
#include "kmsg.h"
#include "mnck_harness.h"
#include "proc.h"
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

/* The newest registration runs first. */
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

	self->fd = -1;
	self->kmsg = kmsg_open(O_NONBLOCK);
	ASSERT_LE(0, self->kmsg);
	ASSERT_EQ(0, victim_start(v, 4 * getpagesize()));
	ASSERT_EQ(0, victim_trace_exit(v));
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);

	if (variant->faulty_is_newest)
		ASSERT_EQ(0, mnck_attach(self->fd, v->pid, MNCK_KIND_COUNTER, &self->counter));
	ASSERT_EQ(0, faulty_attach(self->fd, v->pid, MNCK_FAULT_FAILING_END, MNCK_IN_START,
				   NULL, 0, &self->faulty));
	if (!variant->faulty_is_newest)
		ASSERT_EQ(0, mnck_attach(self->fd, v->pid, MNCK_KIND_COUNTER, &self->counter));
}

FIXTURE_TEARDOWN(failing_end)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	victim_kill(&self->victim);
	close(self->kmsg);
}

/* The driver counts as KVM does: of an end too many it would complain, to rule pairing. */
TEST_F_TIMEOUT(failing_end, mrelease, MNCK_TIMEOUT)
{
	struct victim *v = &self->victim;
	struct violation violation;

	/* Where it may sleep it does not refuse, and its pair is whole. */
	ASSERT_EQ(0, victim_do(v, VICTIM_DONTNEED, VICTIM_AREA, getpagesize()));
	EXPECT_NO_VIOLATION(&self->faulty);
	EXPECT_CALLS(&self->faulty, 1, 1, 0);
	EXPECT_NO_LINE(self->kmsg);

	ASSERT_EQ(0, victim_doom(v));
	ASSERT_EQ(0, proc_reapable(v->pid, &self->reap));
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

/* Somebody else refuses, who may: the counter is ended, and the driver is not. */
TEST_F_TIMEOUT(failing_end, undoing_end, MNCK_TIMEOUT)
{
	struct victim *v = &self->victim;
	struct violation violation;
	struct subscriber refuses;
	struct mnck_stats counter;

	ASSERT_EQ(0, faulty_attach(self->fd, v->pid, MNCK_FAULT_REFUSES, MNCK_IN_START,
				   NULL, 0, &refuses));
	ASSERT_EQ(0, victim_doom(v));
	ASSERT_EQ(0, proc_reapable(v->pid, &self->reap));
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
