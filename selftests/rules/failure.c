// SPDX-License-Identifier: GPL-2.0
/*
 * Rule failure: a start fails with -EAGAIN only, and only if the range is
 * non-blockable.  A driver in C that fails otherwise is reported, and the core gets 0
 * for a blockable range and -EAGAIN for a non-blockable one.  So the initiator goes on
 * or gives up as if the driver kept the rule, and every other subscriber gets its end.
 */
#include "kmsg.h"
#include "mnck_harness.h"
#include "proc.h"
#include "reap_victim.h"
#include "victim.h"
#include "violation.h"

/* The driver and a counter are attached to the test itself, whose munmap() is blockable. */
FIXTURE(failure)
{
	int fd;
	int kmsg;
	size_t page;
	char *area;
	struct subscriber counter;
	struct subscriber faulty;
};

FIXTURE_SETUP(failure)
{
	self->fd = -1;
	self->kmsg = kmsg_open(O_NONBLOCK);
	ASSERT_LE(0, self->kmsg);
	self->page = getpagesize();
	ASSERT_EQ(0, small_pages());
	self->area = mmap(NULL, 4 * self->page, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->area);
	memset(self->area, 1, 4 * self->page);
	ASSERT_EQ(0, own_pages());
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_COUNTER, &self->counter));
}

FIXTURE_TEARDOWN(failure)
{
	/* Before the exit, which notifies an interval driver as well. */
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	close(self->kmsg);
}

#define ATTACH(_fault, _place)                                                    \
	ASSERT_EQ(0, faulty_attach(self->fd, 0, _fault, _place, self->area,       \
				   4 * self->page, &self->faulty))

/* The driver fails in each of two ranges: one WARN, two violations, and munmap() works. */
#define EXPECT_TAKEN_AS_SUCCESS(_what)                                            \
	do {                                                                      \
		struct violation v_ = in_munmap(MNCK_RULE_FAILURE, _what, self->area, \
						self->page);                      \
										  \
		announce(&v_, &self->faulty);                                     \
		EXPECT_EQ(0, munmap(self->area, self->page));                     \
		EXPECT_NAMED(self->kmsg, &v_, &self->faulty);                     \
		EXPECT_VIOLATIONS(&self->faulty, MNCK_RULE_FAILURE, 1);           \
		EXPECT_EQ(0, munmap(self->area + self->page, self->page));        \
		EXPECT_NO_LINE(self->kmsg);                                       \
		EXPECT_VIOLATIONS(&self->faulty, MNCK_RULE_FAILURE, 2);           \
		EXPECT_CALLS(&self->faulty, 2, 0, 2);                             \
		EXPECT_STATS(&self->counter, saw_unmaps(MNCK_KIND_COUNTER, 2,     \
							self->area + self->page, self->page)); \
	} while (0)

/* -EAGAIN for a blockable range is reported. */
TEST_F_TIMEOUT(failure, eagain, MNCK_TIMEOUT)
{
	ATTACH(MNCK_FAULT_EAGAIN, MNCK_IN_START);
	EXPECT_TAKEN_AS_SUCCESS("start failed with -11 for a blockable range, taken as success");
}

/* An error other than -EAGAIN for a blockable range is reported. */
TEST_F_TIMEOUT(failure, einval, MNCK_TIMEOUT)
{
	ATTACH(MNCK_FAULT_EINVAL, MNCK_IN_START);
	EXPECT_TAKEN_AS_SUCCESS("start failed with -22 for a blockable range, taken as success");
}

/* An interval callback that returns false for a blockable range is reported. */
TEST_F_TIMEOUT(failure, interval, MNCK_TIMEOUT)
{
	ATTACH(MNCK_FAULT_EAGAIN, MNCK_IN_INTERVAL);
	EXPECT_TAKEN_AS_SUCCESS("start failed with -11 for a blockable range, taken as success");
}

/* Drivers that keep the rule in a blockable range are not reported. */
TEST_F_TIMEOUT(failure, none, MNCK_TIMEOUT)
{
	const struct {
		__u32 fault, place;
	} right[] = {
		{ MNCK_FAULT_NONE, MNCK_IN_START },
		{ MNCK_FAULT_NONE, MNCK_IN_INTERVAL },
		{ MNCK_FAULT_REFUSES, MNCK_IN_START },
		{ MNCK_FAULT_FAILING_END, MNCK_IN_START },
	};

	for (size_t i = 0; i < ARRAY_SIZE(right); i++) {
		ATTACH(right[i].fault, right[i].place);
		EXPECT_EQ(0, munmap(self->area + i * self->page, self->page));
		EXPECT_NO_VIOLATION(&self->faulty);
		EXPECT_EQ(1, stats_now(&self->faulty).starts);
		EXPECT_EQ(0, stats_now(&self->faulty).refusals);
	}
	EXPECT_NO_LINE(self->kmsg);
}

/* The driver and a counter are attached to a victim that is reaped: non-blockable ranges. */
FIXTURE(reaped)
{
	int fd;
	int kmsg;
	struct victim victim;
	struct reapable reap;
	struct subscriber counter;
	struct subscriber faulty;
};

FIXTURE_SETUP(reaped)
{
	SETUP_VICTIM(4 * getpagesize());
	ASSERT_EQ(0, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_COUNTER, &self->counter));
}

FIXTURE_TEARDOWN(reaped)
{
	TEARDOWN_VICTIM();
}

/* The counter has seen the ranges of @_rounds attempts to reap, refused or not. */
#define EXPECT_COUNTED(_rounds) \
	EXPECT_STATS(&self->counter, saw_reaps(MNCK_KIND_COUNTER, &self->reap, _rounds))

/* An error other than -EAGAIN for a non-blockable range is reported. */
TEST_F_TIMEOUT(reaped, einval, MNCK_TIMEOUT)
{
	struct victim *v = &self->victim;
	struct violation violation;

	ASSERT_EQ(0, faulty_attach(self->fd, v->pid, MNCK_FAULT_EINVAL, MNCK_IN_START, NULL, 0,
				   &self->faulty));
	STOP_IN_EXIT();
	violation = in_reaping(MNCK_RULE_FAILURE, "start failed with -22, taken as -EAGAIN",
			       &self->reap);
	announce(&violation, &self->faulty);

	for (unsigned int round = 1; round <= 2; round++) {
		EXPECT_ERRNO(EAGAIN, victim_mrelease(v));
		EXPECT_VIOLATIONS(&self->faulty, MNCK_RULE_FAILURE, round * self->reap.vmas);
		EXPECT_CALLS(&self->faulty, round * self->reap.vmas, 0, round * self->reap.vmas);
		EXPECT_COUNTED(round);
	}
	EXPECT_NAMED(self->kmsg, &violation, &self->faulty);
}

/* -EAGAIN for a non-blockable range breaks no rule. */
TEST_F_TIMEOUT(reaped, eagain_is_allowed, MNCK_TIMEOUT)
{
	struct victim *v = &self->victim;

	ASSERT_EQ(0, faulty_attach(self->fd, v->pid, MNCK_FAULT_REFUSES, MNCK_IN_START, NULL, 0,
				   &self->faulty));
	STOP_IN_EXIT();
	EXPECT_ERRNO(EAGAIN, victim_mrelease(v));
	EXPECT_NO_VIOLATION(&self->faulty);
	EXPECT_CALLS(&self->faulty, self->reap.vmas, 0, self->reap.vmas);
	EXPECT_COUNTED(1);
	EXPECT_NO_LINE(self->kmsg);
}

TEST_HARNESS_MAIN
