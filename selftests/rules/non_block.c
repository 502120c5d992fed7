// SPDX-License-Identifier: GPL-2.0
/*
 * Rule non-block: nothing sleeps in a callback of a non-blockable range.  The core
 * looks at hlist starts and ends; the ends that undo a refused start and the
 * callbacks of intervals it does not watch, so there only we can tell.  In a chain
 * all is within a start or an end of the core's, which does not know the member.
 *
 * Who has slept is named, from the task's voluntary context switches; and who
 * might have, and had luck, from the kernel's tracepoints.  The kernel itself says
 * where, but not who, and of the latter at most once a second.
 *
 * And rule reclaim: nobody allocates with direct reclaim, whatever the range.
 */
#include <time.h>

#include "chain.h"
#include "kmsg.h"
#include "mnck_harness.h"
#include "module.h"
#include "option.h"
#include "proc.h"
#include "victim.h"
#include "violation.h"

#define AREA_SIZE (4L * getpagesize())

FIXTURE(non_block)
{
	int fd;
	int kmsg;
	/* The same, read on for what the kernel itself says. */
	int bugs;
	struct victim victim;
	struct reapable reap;
	struct subscriber counter;
	struct subscriber refuses;
	struct subscriber chain;
	struct subscriber faulty;
};

FIXTURE_VARIANT(non_block)
{
	__u32 fault;
	enum mnck_rule rule;
	/* What the callback does, as it is reported. */
	const char *what;
	/* What the kernel says of it; at least one of these. */
	const char *bugs[2];
	/* Which it may not say the first time. */
	bool throttled;
};

#define SCHEDULING "scheduling in a non-blocking section: non_block/"
#define MIGHT_SLEEP "sleeping function called from invalid context"

FIXTURE_VARIANT_ADD(non_block, msleep)
{
	.fault = MNCK_FAULT_MSLEEP,
	.rule = MNCK_RULE_NON_BLOCK,
	.what = "slept ",
	.bugs = { SCHEDULING },
};

FIXTURE_VARIANT_ADD(non_block, schedule)
{
	.fault = MNCK_FAULT_SCHEDULE,
	.rule = MNCK_RULE_NON_BLOCK,
	.what = "slept ",
	.bugs = { SCHEDULING },
};

FIXTURE_VARIANT_ADD(non_block, mutex)
{
	.fault = MNCK_FAULT_MUTEX,
	.rule = MNCK_RULE_NON_BLOCK,
	.what = "slept ",
	.bugs = { SCHEDULING, MIGHT_SLEEP },
};

FIXTURE_VARIANT_ADD(non_block, mutex_free)
{
	.fault = MNCK_FAULT_MUTEX_FREE,
	.rule = MNCK_RULE_NON_BLOCK,
	.what = "might have slept for lock faulty_lock in ",
	.bugs = { MIGHT_SLEEP },
	.throttled = true,
};

FIXTURE_VARIANT_ADD(non_block, gfp_kernel)
{
	.fault = MNCK_FAULT_GFP_KERNEL,
	.rule = MNCK_RULE_RECLAIM,
	.what = "allocates with direct reclaim in ",
	.bugs = { MIGHT_SLEEP },
	.throttled = true,
};

FIXTURE_SETUP(non_block)
{
	struct victim *v = &self->victim;

	self->fd = -1;
	/* The probe of locks is a tracepoint of lockdep. */
	REQUIRE_OPTION(variant->fault != MNCK_FAULT_MUTEX_FREE || has_lockdep(), "PROVE_LOCKING");
	/* Who might have slept only the probes see. */
	if (variant->throttled) {
		REQUIRE_MNCK_KO();
		ASSERT_EQ(0, mnck_remove());
		ASSERT_EQ(0, mnck_insert("probes=1"));
	}
	self->kmsg = kmsg_open(O_NONBLOCK);
	ASSERT_LE(0, self->kmsg);
	self->bugs = kmsg_open(O_NONBLOCK);
	ASSERT_LE(0, self->bugs);
	ASSERT_EQ(0, victim_start(v, AREA_SIZE));
	ASSERT_EQ(0, victim_trace_exit(v));
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, mnck_attach(self->fd, v->pid, MNCK_KIND_COUNTER, &self->counter));
}

FIXTURE_TEARDOWN(non_block)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	victim_kill(&self->victim);
	close(self->kmsg);
	close(self->bugs);
	if (variant->throttled) {
		EXPECT_EQ(0, mnck_remove());
		EXPECT_EQ(0, mnck_insert(""));
	}
}

#define ATTACH(_sub, _fault, _place)                                              \
	ASSERT_EQ(0, faulty_attach(self->fd, self->victim.pid, _fault, _place,    \
				   VICTIM_AREA, AREA_SIZE, _sub))

static void announce_bugs(const char * const bugs[2])
{
	for (int i = 0; i < 2 && bugs[i]; i++)
		announce_sleep_bug(bugs[i]);
}

/* The kernel has said that somebody might sleep, since the log was opened. */
static bool might_have_slept(int bugs)
{
	static const char * const text[] = { MIGHT_SLEEP };
	char record[4096];

	return !kmsg_find(bugs, text, 1, record, sizeof(record));
}

/* Seconds, of which the kernel is silent for one at most. */
#define THROTTLE_LIMIT 5

/*
 * Reaps the victim, for which process_mrelease() fails with @_errno, and in which
 * the driver breaks the rule in its @_callback, in @_ranges ranges, the first of
 * which is @_start to @_end.
 */
#define EXPECT_SLEEPER(_errno, _callback, _ranges, _start, _end)                  \
	do {                                                                      \
		time_t limit_ = time(NULL) + THROTTLE_LIMIT;                      \
		bool said_ = !variant->throttled || !has_debug_atomic_sleep();    \
		struct violation v_;                                              \
		__u64 rounds_ = 0;                                                \
		char what_[64];                                                   \
										  \
		snprintf(what_, sizeof(what_), "%s %s", _callback, variant->what); \
		v_ = in_reaping(variant->rule, what_, &self->reap);               \
		v_.start = (_start);                                              \
		v_.end = (_end);                                                  \
		announce_bugs(variant->bugs);                                     \
		announce(&v_, &self->faulty);                                     \
		for (; rounds_ < 2 || (!said_ && time(NULL) <= limit_); rounds_++) { \
			EXPECT_ERRNO(_errno, victim_mrelease(&self->victim));     \
			said_ = said_ || might_have_slept(self->bugs);            \
			/* Each refusal is logged, and the log is not long. */    \
			if (!said_)                                               \
				usleep(100000);                                   \
		}                                                                 \
		EXPECT_TRUE(said_);                                               \
		EXPECT_VIOLATIONS(&self->faulty, variant->rule, rounds_ * (_ranges)); \
		EXPECT_NAMED(self->kmsg, &v_, &self->faulty);                     \
		/* Nobody lost a pair by it. */                                   \
		EXPECT_STATS(&self->counter,                                      \
			     saw(MNCK_KIND_COUNTER, rounds_ * self->reap.vmas,    \
				 MNCK_EVENT_CLEAR, 0, (void *)self->reap.start,   \
				 self->reap.end - self->reap.start, rounds_ * self->reap.bytes)); \
		EXPECT_EQ(rounds_ * (_ranges), stats_now(&self->faulty).starts);  \
		EXPECT_EQ(0, stats_now(&self->faulty).open);                      \
	} while (0)

#define EXPECT_SLEEPS_IN_ALL(_errno, _callback)                                   \
	do {                                                                      \
		ASSERT_EQ(0, victim_doom(&self->victim));                         \
		ASSERT_EQ(0, proc_reapable(self->victim.pid, &self->reap));       \
		EXPECT_SLEEPER(_errno, _callback, self->reap.vmas, self->reap.top_start, \
			       self->reap.top_end);                               \
	} while (0)

TEST_F_TIMEOUT(non_block, start, MNCK_TIMEOUT)
{
	ATTACH(&self->faulty, variant->fault, MNCK_IN_START);
	EXPECT_SLEEPS_IN_ALL(0, "start");
}

TEST_F_TIMEOUT(non_block, end, MNCK_TIMEOUT)
{
	ATTACH(&self->faulty, variant->fault, MNCK_IN_END);
	EXPECT_SLEEPS_IN_ALL(0, "end");
}

/* The end that undoes its start, because somebody else has refused. */
TEST_F_TIMEOUT(non_block, undoing_end, MNCK_TIMEOUT)
{
	ATTACH(&self->faulty, variant->fault, MNCK_IN_END);
	ATTACH(&self->refuses, MNCK_FAULT_REFUSES, MNCK_IN_START);
	EXPECT_SLEEPS_IN_ALL(EAGAIN, "end");
	EXPECT_NO_VIOLATION(&self->refuses);
}

#define JOIN(_sub, _fault, _place) \
	ASSERT_EQ(0, faulty_join(&self->chain, _fault, _place, _sub))

TEST_F_TIMEOUT(non_block, chain_start, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, chain_attach(self->fd, self->victim.pid, MNCK_POLICY_EXACT, &self->chain));
	JOIN(&self->faulty, variant->fault, MNCK_IN_START);
	EXPECT_SLEEPS_IN_ALL(0, "chain start");
}

TEST_F_TIMEOUT(non_block, chain_end, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, chain_attach(self->fd, self->victim.pid, MNCK_POLICY_EXACT, &self->chain));
	JOIN(&self->faulty, variant->fault, MNCK_IN_END);
	EXPECT_SLEEPS_IN_ALL(0, "chain end");
}

/* The end that the chain calls itself, because a later member has refused. */
TEST_F_TIMEOUT(non_block, chain_undoing_end, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, chain_attach(self->fd, self->victim.pid, MNCK_POLICY_EXACT, &self->chain));
	JOIN(&self->faulty, variant->fault, MNCK_IN_END);
	JOIN(&self->refuses, MNCK_FAULT_REFUSES, MNCK_IN_START);
	EXPECT_SLEEPS_IN_ALL(EAGAIN, "chain end");
	EXPECT_NO_VIOLATION(&self->refuses);
}

TEST_F_TIMEOUT(non_block, interval, MNCK_TIMEOUT)
{
	ATTACH(&self->faulty, variant->fault, MNCK_IN_INTERVAL);
	ASSERT_EQ(0, victim_doom(&self->victim));
	ASSERT_EQ(0, proc_reapable(self->victim.pid, &self->reap));
	EXPECT_SLEEPER(0, "invalidate", 1, (unsigned long)VICTIM_AREA,
		       (unsigned long)VICTIM_AREA + AREA_SIZE);
}

/* Where it may sleep nobody says anything, but of who may not at all. */
TEST_F_TIMEOUT(non_block, blockable, MNCK_TIMEOUT)
{
	struct violation v = in_munmap(variant->rule, variant->what, VICTIM_AREA, getpagesize());
	struct subscriber subs[3];

	if (variant->rule == MNCK_RULE_RECLAIM) {
		v.what = "start allocates with direct reclaim in ";
		v.pid = self->victim.pid;
		ATTACH(&self->faulty, variant->fault, MNCK_IN_START);
		announce(&v, &self->faulty);
		ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, getpagesize()));
		EXPECT_VIOLATIONS(&self->faulty, variant->rule, 1);
		EXPECT_NAMED(self->kmsg, &v, &self->faulty);
		return;
	}

	for (int place = MNCK_IN_START; place <= MNCK_IN_INTERVAL; place++)
		ATTACH(&subs[place], variant->fault, place);
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, getpagesize()));
	for (int place = MNCK_IN_START; place <= MNCK_IN_INTERVAL; place++) {
		EXPECT_EQ(1, stats_now(&subs[place]).starts);
		EXPECT_NO_VIOLATION(&subs[place]);
	}
	EXPECT_STATS(&self->counter,
		     saw_unmaps(MNCK_KIND_COUNTER, 1, VICTIM_AREA, getpagesize()));
	EXPECT_NO_LINE(self->kmsg);
}

/* Who does not sleep is not mentioned where he must not. */
TEST(non_blockable)
{
	struct subscriber start, interval;
	struct reapable reap;
	struct victim v;
	int kmsg, fd;

	kmsg = kmsg_open(O_NONBLOCK);
	ASSERT_LE(0, kmsg);
	ASSERT_EQ(0, victim_start(&v, AREA_SIZE));
	ASSERT_EQ(0, victim_trace_exit(&v));
	fd = mnck_open();
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, faulty_attach(fd, v.pid, MNCK_FAULT_NONE, MNCK_IN_START, NULL, 0, &start));
	ASSERT_EQ(0, faulty_attach(fd, v.pid, MNCK_FAULT_NONE, MNCK_IN_INTERVAL, VICTIM_AREA,
				   AREA_SIZE, &interval));
	ASSERT_EQ(0, victim_doom(&v));
	ASSERT_EQ(0, proc_reapable(v.pid, &reap));
	EXPECT_EQ(0, victim_mrelease(&v));
	EXPECT_CALLS(&start, reap.vmas, reap.vmas, 0);
	EXPECT_CALLS(&interval, 1, 0, 0);
	EXPECT_NO_VIOLATION(&start);
	EXPECT_NO_VIOLATION(&interval);
	EXPECT_NO_LINE(kmsg);
	EXPECT_EQ(0, close(fd));
	victim_kill(&v);
	close(kmsg);
}

TEST_HARNESS_MAIN
