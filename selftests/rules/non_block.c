// SPDX-License-Identifier: GPL-2.0
/*
 * Rule non-block: no callback of a non-blockable range sleeps.  Rule reclaim: no
 * callback allocates memory with direct reclaim, whatever the range.
 *
 * The core watches the starts and ends of its list of registrations.  It watches
 * neither the ends that undo a refused start nor the callbacks of interval
 * subscribers: there only mnck sees a sleep.  The members of a chain run within the
 * chain's start and end, so the core cannot name the member.
 *
 * mnck names a subscriber that slept by its task's voluntary context switches, on a
 * PREEMPT_RT kernel by the tracepoint sched_switch, and a subscriber that might have
 * slept but did not by the kernel's other tracepoints.  The kernel's own checks print the
 * place but not the subscriber, and print that a callback might have slept at most once a
 * second.
 *
 * A task that is preempted does not sleep, nor does one that waits for a spin lock, for
 * which it leaves its CPU on a PREEMPT_RT kernel.
 */
#include <time.h>

#include "chain.h"
#include "kmsg.h"
#include "mnck_harness.h"
#include "module.h"
#include "option.h"
#include "proc.h"
#include "reap_victim.h"
#include "victim.h"
#include "violation.h"

#define AREA_SIZE (4L * getpagesize())

FIXTURE(non_block)
{
	int fd;
	int kmsg;
	/* The log once more, to read what the kernel's own checks print. */
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
	/* How mnck reports what the callback does. */
	const char *what;
	/* What the kernel's own checks print: at least one of these, if there is any. */
	const char *bugs[2];
	/* The callback does not sleep but might have. */
	bool might_sleep;
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
	.might_sleep = true,
};

FIXTURE_VARIANT_ADD(non_block, gfp_kernel)
{
	.fault = MNCK_FAULT_GFP_KERNEL,
	.rule = MNCK_RULE_RECLAIM,
	.what = "allocates with direct reclaim in ",
	.bugs = { MIGHT_SLEEP },
	.might_sleep = true,
};

/* In the state TASK_RUNNING, in which the kernel's own checks do not see a schedule(). */
FIXTURE_VARIANT_ADD(non_block, yield)
{
	.fault = MNCK_FAULT_YIELD,
	.rule = MNCK_RULE_NON_BLOCK,
	.what = "called schedule() but did not sleep",
	.might_sleep = true,
};

FIXTURE_SETUP(non_block)
{
	self->fd = -1;
	/* The probe of locks is a tracepoint of lockdep. */
	REQUIRE_OPTION(variant->fault != MNCK_FAULT_MUTEX_FREE || has_lockdep(), "PROVE_LOCKING");
	/* mnck sees that a callback might have slept only with its probes. */
	if (variant->might_sleep) {
		REQUIRE_MNCK_KO();
		ASSERT_EQ(0, mnck_remove());
		ASSERT_EQ(0, mnck_insert("probes=1"));
	}
	SETUP_VICTIM(AREA_SIZE);
	self->bugs = kmsg_open(O_NONBLOCK);
	ASSERT_LE(0, self->bugs);
	ASSERT_EQ(0, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_COUNTER, &self->counter));
}

FIXTURE_TEARDOWN(non_block)
{
	TEARDOWN_VICTIM();
	close(self->bugs);
	if (variant->might_sleep) {
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

/* The kernel may print this some ranges later than the first that might sleep. */
static bool kernel_will_warn(const char * const bugs[2], bool might_sleep)
{
	return might_sleep && bugs[0] && has_debug_atomic_sleep();
}

/* Returns whether the kernel has printed, since the last call, that a callback might sleep. */
static bool kernel_has_warned(int bugs)
{
	static const char * const text[] = { MIGHT_SLEEP };
	char record[4096];

	return !kmsg_find(bugs, text, 1, record, sizeof(record));
}

/* Seconds to wait for the kernel's line; the kernel suppresses it for one second at most. */
#define WARNING_TIMEOUT 5

/*
 * Reaps the victim twice, or until the kernel has printed its own line.  process_mrelease()
 * fails with @_errno, and the driver's @_callback breaks the rule in @_ranges ranges, the
 * first of which is @_start to @_end.
 */
#define EXPECT_SLEEPER(_errno, _callback, _ranges, _start, _end)                  \
	do {                                                                      \
		time_t limit_ = time(NULL) + WARNING_TIMEOUT;                     \
		bool warned_ = !kernel_will_warn(variant->bugs, variant->might_sleep); \
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
		for (; rounds_ < 2 || (!warned_ && time(NULL) <= limit_); rounds_++) { \
			EXPECT_ERRNO(_errno, victim_mrelease(&self->victim));     \
			warned_ = warned_ || kernel_has_warned(self->bugs);       \
			/* The core logs each start that fails, and the log is short. */ \
			if (!warned_)                                             \
				usleep(100000);                                   \
		}                                                                 \
		EXPECT_TRUE(warned_);                                             \
		EXPECT_VIOLATIONS(&self->faulty, variant->rule, rounds_ * (_ranges)); \
		EXPECT_NAMED(self->kmsg, &v_, &self->faulty);                     \
		/* The counter has its start and its end of each range. */        \
		EXPECT_STATS(&self->counter,                                      \
			     saw_reaps(MNCK_KIND_COUNTER, &self->reap, rounds_)); \
		EXPECT_EQ(rounds_ * (_ranges), stats_now(&self->faulty).starts);  \
		EXPECT_EQ(0, stats_now(&self->faulty).open);                      \
	} while (0)

/* Reaps the victim: the driver breaks the rule in each range. */
#define EXPECT_SLEEPS_IN_ALL(_errno, _callback)                                   \
	do {                                                                      \
		STOP_IN_EXIT();                                                   \
		EXPECT_SLEEPER(_errno, _callback, self->reap.vmas, self->reap.top_start, \
			       self->reap.top_end);                               \
	} while (0)

/* A start that sleeps is reported. */
TEST_F_TIMEOUT(non_block, start, MNCK_TIMEOUT)
{
	ATTACH(&self->faulty, variant->fault, MNCK_IN_START);
	EXPECT_SLEEPS_IN_ALL(0, "start");
}

/* An end that sleeps is reported. */
TEST_F_TIMEOUT(non_block, end, MNCK_TIMEOUT)
{
	ATTACH(&self->faulty, variant->fault, MNCK_IN_END);
	EXPECT_SLEEPS_IN_ALL(0, "end");
}

/* An end that sleeps is reported if it undoes a start because another subscriber has refused. */
TEST_F_TIMEOUT(non_block, undoing_end, MNCK_TIMEOUT)
{
	ATTACH(&self->faulty, variant->fault, MNCK_IN_END);
	ATTACH(&self->refuses, MNCK_FAULT_REFUSES, MNCK_IN_START);
	EXPECT_SLEEPS_IN_ALL(EAGAIN, "end");
	EXPECT_NO_VIOLATION(&self->refuses);
}

#define JOIN(_sub, _fault, _place) \
	ASSERT_EQ(0, faulty_join(&self->chain, _fault, _place, _sub))

/* A member whose start sleeps is named, not its chain. */
TEST_F_TIMEOUT(non_block, chain_start, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, chain_attach(self->fd, self->victim.pid, MNCK_POLICY_EXACT, &self->chain));
	JOIN(&self->faulty, variant->fault, MNCK_IN_START);
	EXPECT_SLEEPS_IN_ALL(0, "chain start");
}

/* A member whose end sleeps is named, not its chain. */
TEST_F_TIMEOUT(non_block, chain_end, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, chain_attach(self->fd, self->victim.pid, MNCK_POLICY_EXACT, &self->chain));
	JOIN(&self->faulty, variant->fault, MNCK_IN_END);
	EXPECT_SLEEPS_IN_ALL(0, "chain end");
}

/* A member whose end sleeps is named if the chain calls it because a later member refused. */
TEST_F_TIMEOUT(non_block, chain_undoing_end, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, chain_attach(self->fd, self->victim.pid, MNCK_POLICY_EXACT, &self->chain));
	JOIN(&self->faulty, variant->fault, MNCK_IN_END);
	JOIN(&self->refuses, MNCK_FAULT_REFUSES, MNCK_IN_START);
	EXPECT_SLEEPS_IN_ALL(EAGAIN, "chain end");
	EXPECT_NO_VIOLATION(&self->refuses);
}

/* An interval callback that sleeps is reported. */
TEST_F_TIMEOUT(non_block, interval, MNCK_TIMEOUT)
{
	ATTACH(&self->faulty, variant->fault, MNCK_IN_INTERVAL);
	STOP_IN_EXIT();
	EXPECT_SLEEPER(0, "invalidate", 1, (unsigned long)VICTIM_AREA,
		       (unsigned long)VICTIM_AREA + AREA_SIZE);
}

/* In a blockable range a callback may sleep, but may not allocate with direct reclaim. */
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

/* Drivers that break no rule. */
FIXTURE(no_fault)
{
	int fd;
	int kmsg;
	struct victim victim;
	struct reapable reap;
};

FIXTURE_SETUP(no_fault)
{
	SETUP_VICTIM(AREA_SIZE);
}

FIXTURE_TEARDOWN(no_fault)
{
	TEARDOWN_VICTIM();
}

/* Callbacks of a non-blockable range that do not sleep are not reported. */
TEST_F_TIMEOUT(no_fault, non_blockable, MNCK_TIMEOUT)
{
	struct subscriber start, interval;

	ATTACH(&start, MNCK_FAULT_NONE, MNCK_IN_START);
	ATTACH(&interval, MNCK_FAULT_NONE, MNCK_IN_INTERVAL);
	STOP_IN_EXIT();
	EXPECT_EQ(0, victim_mrelease(&self->victim));
	EXPECT_CALLS(&start, self->reap.vmas, self->reap.vmas, 0);
	EXPECT_CALLS(&interval, 1, 0, 0);
	EXPECT_NO_VIOLATION(&start);
	EXPECT_NO_VIOLATION(&interval);
	EXPECT_NO_LINE(self->kmsg);
}

/* Drivers whose task leaves its CPU in the callbacks, but does not sleep. */
FIXTURE(no_sleep)
{
	int fd;
	int kmsg;
	struct victim victim;
	struct reapable reap;
};

FIXTURE_VARIANT(no_sleep)
{
	__u32 fault;
	const char *parameters;
};

FIXTURE_VARIANT_ADD(no_sleep, spin_lock)
{
	.fault = MNCK_FAULT_SPIN_LOCK,
	.parameters = "",
};

FIXTURE_VARIANT_ADD(no_sleep, spin_lock_probes)
{
	.fault = MNCK_FAULT_SPIN_LOCK,
	.parameters = "probes=1",
};

FIXTURE_VARIANT_ADD(no_sleep, preempted)
{
	.fault = MNCK_FAULT_PREEMPTED,
	.parameters = "",
};

FIXTURE_VARIANT_ADD(no_sleep, preempted_probes)
{
	.fault = MNCK_FAULT_PREEMPTED,
	.parameters = "probes=1",
};

FIXTURE_SETUP(no_sleep)
{
	self->fd = -1;
	if (*variant->parameters) {
		REQUIRE_MNCK_KO();
		ASSERT_EQ(0, mnck_remove());
		ASSERT_EQ(0, mnck_insert(variant->parameters));
	}
	SETUP_VICTIM(AREA_SIZE);
}

FIXTURE_TEARDOWN(no_sleep)
{
	TEARDOWN_VICTIM();
	if (*variant->parameters) {
		EXPECT_EQ(0, mnck_remove());
		EXPECT_EQ(0, mnck_insert(""));
	}
}

/* The driver is not reported, in whatever callback. */
TEST_F_TIMEOUT(no_sleep, non_blockable, MNCK_TIMEOUT)
{
	struct subscriber subs[3];

	for (int place = MNCK_IN_START; place <= MNCK_IN_INTERVAL; place++)
		ATTACH(&subs[place], variant->fault, place);
	STOP_IN_EXIT();
	EXPECT_EQ(0, victim_mrelease(&self->victim));
	EXPECT_CALLS(&subs[MNCK_IN_START], self->reap.vmas, self->reap.vmas, 0);
	EXPECT_CALLS(&subs[MNCK_IN_END], self->reap.vmas, self->reap.vmas, 0);
	EXPECT_CALLS(&subs[MNCK_IN_INTERVAL], 1, 0, 0);
	for (int place = MNCK_IN_START; place <= MNCK_IN_INTERVAL; place++)
		EXPECT_NO_VIOLATION(&subs[place]);
	EXPECT_NO_LINE(self->kmsg);
}

/* Nor is it reported for the end that undoes a start. */
TEST_F_TIMEOUT(no_sleep, undoing_end, MNCK_TIMEOUT)
{
	struct subscriber end, refuses;

	ATTACH(&end, variant->fault, MNCK_IN_END);
	ATTACH(&refuses, MNCK_FAULT_REFUSES, MNCK_IN_START);
	STOP_IN_EXIT();
	EXPECT_ERRNO(EAGAIN, victim_mrelease(&self->victim));
	EXPECT_CALLS(&end, self->reap.vmas, self->reap.vmas, 0);
	EXPECT_NO_VIOLATION(&end);
	EXPECT_NO_VIOLATION(&refuses);
	EXPECT_NO_LINE(self->kmsg);
}

TEST_HARNESS_MAIN
