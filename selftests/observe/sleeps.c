// SPDX-License-Identifier: GPL-2.0
/*
 * Rule non-block: no callback of a non-blockable range sleeps.  Rule reclaim: no callback
 * allocates memory with direct reclaim, whatever the range.
 *
 * The core watches the starts and ends of its list of registrations.  It watches neither the
 * ends that undo a refused start nor the callbacks of interval subscribers: there only mnck
 * sees a sleep.  What might have slept but did not, mnck sees by its probes.
 *
 * A task that is preempted does not sleep, nor does one that waits for a spin lock, for which
 * it leaves its CPU on a PREEMPT_RT kernel.
 */
#include "file.h"
#include "kmsg.h"
#include "mnck_harness.h"
#include "observed.h"
#include "option.h"
#include "proc.h"
#include "reap_victim.h"
#include "victim.h"
#include "violation.h"

#define AREA_SIZE ((size_t)MISTAKES_PAGES * getpagesize())

FIXTURE(sleeps)
{
	int kmsg;
	struct victim victim;
	struct reapable reap;
};

FIXTURE_VARIANT(sleeps)
{
	/* The drivers are NAME_start, NAME_end and NAME_interval. */
	const char *name;
	/* What the callback does. */
	const char *does;
	/* What the kernel's own checks print: at least one of these, if there is any. */
	const char *bugs[2];
	/* Whether mnck sees it by its probes only. */
	bool probes;
	/* Whether it breaks rule reclaim, which holds for each range. */
	bool reclaims;
};

FIXTURE_VARIANT_ADD(sleeps, sleeping)
{
	.name = "sleeping", .does = "slept 1 time: ",
	.bugs = { BUG_SCHEDULING },
};

FIXTURE_VARIANT_ADD(sleeps, contending)
{
	.name = "contending", .does = "slept 1 time: ",
	.bugs = { BUG_SCHEDULING, BUG_MIGHT_SLEEP },
};

FIXTURE_VARIANT_ADD(sleeps, locking)
{
	.name = "locking", .does = "might have slept for a lock",
	.bugs = { BUG_MIGHT_SLEEP }, .probes = true,
};

FIXTURE_VARIANT_ADD(sleeps, allocating)
{
	.name = "allocating", .does = "allocates with direct reclaim",
	.bugs = { BUG_MIGHT_SLEEP }, .probes = true, .reclaims = true,
};

/* In the state TASK_RUNNING, in which the kernel's own checks do not see a schedule(). */
FIXTURE_VARIANT_ADD(sleeps, yielding)
{
	.name = "yielding", .does = "called schedule() but did not sleep: ", .probes = true,
};

/* Drivers that break no rule. */
FIXTURE(no_sleep)
{
	int kmsg;
	struct victim victim;
	struct reapable reap;
};

FIXTURE_VARIANT(no_sleep)
{
	const char *name;
	bool probes;
};

FIXTURE_VARIANT_ADD(no_sleep, spinning) { .name = "spinning" };
FIXTURE_VARIANT_ADD(no_sleep, spinning_probes) { .name = "spinning", .probes = true };
FIXTURE_VARIANT_ADD(no_sleep, preempted) { .name = "preempted" };
FIXTURE_VARIANT_ADD(no_sleep, preempted_probes) { .name = "preempted", .probes = true };

#define SETUP()                                                                         \
	do {                                                                            \
		WATCH_MISTAKES();                                                       \
		ASSERT_EQ(0, mnck_set_parameter("probes", variant->probes));            \
		self->kmsg = kmsg_open(O_NONBLOCK);                                     \
		ASSERT_LE(0, self->kmsg);                                               \
		ASSERT_EQ(0, victim_start(&self->victim, AREA_SIZE));                   \
		ASSERT_EQ(0, victim_trace_exit(&self->victim));                         \
	} while (0)

#define TEARDOWN()                                                                      \
	do {                                                                            \
		victim_kill(&self->victim);                                             \
		UNWATCH_MISTAKES();                                                     \
		EXPECT_EQ(0, mnck_set_parameter("probes", 0));                          \
		close(self->kmsg);                                                      \
	} while (0)

FIXTURE_SETUP(sleeps)
{
	/* The probe of locks is a tracepoint of lockdep. */
	REQUIRE_OPTION(strcmp(variant->name, "locking") || has_lockdep(), "PROVE_LOCKING");
	SETUP();
}

FIXTURE_TEARDOWN(sleeps)
{
	TEARDOWN();
}

FIXTURE_SETUP(no_sleep)
{
	SETUP();
}

FIXTURE_TEARDOWN(no_sleep)
{
	TEARDOWN();
}

/* Whether the kernel prints nothing but that a callback might sleep: at most once a second. */
static bool only_might_sleep(const char * const bugs[2])
{
	return bugs[0] && !strcmp(bugs[0], BUG_MIGHT_SLEEP) && has_debug_atomic_sleep();
}

/*
 * The victim has the driver @_twin and then @_driver, whose function @_function is the callback
 * @_callback.  It unmaps a page and is reaped, which fails with @_errno.  The driver is named
 * once in the log, and counted for each of the @_ranges ranges that are reaped, the first of
 * which is @_first to @_last.  @_watched says whether the core looks for a sleep there.
 */
#define EXPECT_NAMED_IN(_driver, _function, _callback, _twin, _errno, _watched, _ranges,	\
			_first, _last)							\
	do {                                                                            \
		struct victim *victim_ = &self->victim;                                 \
		const char *rule_ = variant->reclaims ? "reclaim" : "non-block";        \
		char driver_[64], function_[64], what_[64], record_[4096], name_[128];  \
		struct violation v_;                                                    \
		long times_;                                                            \
											\
		snprintf(driver_, sizeof(driver_), "%s" _driver, variant->name);        \
		snprintf(function_, sizeof(function_), "%s" OF_MISTAKES(_function),     \
			 variant->name);                                                \
		snprintf(what_, sizeof(what_), ": " _callback " %s", variant->does);    \
		announce_broken(rule_, function_);                                      \
		for (int i_ = 0; _watched && i_ < 2 && variant->bugs[i_]; i_++)         \
			announce_sleep_bug(variant->bugs[i_]);                          \
		ASSERT_EQ(0, victim_driver(victim_, _twin));                            \
		ASSERT_EQ(0, victim_driver(victim_, driver_));                          \
		WAIT_UNTIL_PROBED(function_);                                           \
		ASSERT_EQ(0, victim_do(victim_, VICTIM_MUNMAP, VICTIM_AREA, getpagesize())); \
		if (_watched && only_might_sleep(variant->bugs))                        \
			sleep(2);                                                       \
											\
		STOP_IN_EXIT();                                                         \
		v_ = in_reaping(&self->reap);                                  \
		v_.start = (_first);                                                    \
		v_.end = (_last);                                                       \
		times_ = (_ranges);                                                     \
		if (variant->reclaims) {                                                \
			v_ = in_munmap(VICTIM_AREA, getpagesize());            \
			v_.pid = victim_->pid;                                          \
			times_++;                                                       \
		}                                                                       \
		EXPECT_ERRNO(_errno, victim_mrelease(victim_));                         \
		WAIT_UNTIL(broken(rule_, function_) >= times_);                         \
		EXPECT_EQ(times_, broken(rule_, function_));                            \
											\
		/* No report comes any more. */                                         \
		ASSERT_EQ(0, mnck_set_parameter("watch", 0));                           \
		snprintf(name_, sizeof(name_), ";mnck: %s: %s%s", rule_, function_, what_); \
		WAIT_UNTIL(next_line(self->kmsg, record_, sizeof(record_)));            \
		EXPECT_NE(NULL, strstr(record_, name_)) TH_LOG("%s: not %s", record_, name_); \
		EXPECT_TRUE(violation_is_in(&v_, record_)) TH_LOG("%s", record_);       \
		EXPECT_NO_LINE(self->kmsg);                                             \
	} while (0)

#define EXPECT_NAMED_IN_ALL(_driver, _function, _callback, _twin, _errno, _watched)     \
	EXPECT_NAMED_IN(_driver, _function, _callback, _twin, _errno, _watched,         \
			self->reap.vmas, self->reap.top_start, self->reap.top_end)

TEST_F_TIMEOUT(sleeps, start, MNCK_TIMEOUT)
{
	EXPECT_NAMED_IN_ALL("_start", "_start", "start", "sleeps_if_blockable", 0, true);
}

TEST_F_TIMEOUT(sleeps, end, MNCK_TIMEOUT)
{
	EXPECT_NAMED_IN_ALL("_end", "_end", "end", "sleeps_if_blockable", 0, true);
}

/* The core calls the end within its start, since another driver has refused. */
TEST_F_TIMEOUT(sleeps, undoing_end, MNCK_TIMEOUT)
{
	EXPECT_NAMED_IN_ALL("_end", "_end", "end", "refusing", EAGAIN, false);
}

TEST_F_TIMEOUT(sleeps, interval, MNCK_TIMEOUT)
{
	EXPECT_NAMED_IN("_interval" IN_AREA, "_invalidate", "invalidate",
			"clean_interval" IN_AREA, 0, false, 1,
			(unsigned long)VICTIM_AREA + getpagesize(),
			(unsigned long)VICTIM_AREA + AREA_SIZE);
}

/* Returns @name and @rest as one text, which is valid until the next call. */
static const char *join(const char *name, const char *rest)
{
	static char text[64];

	snprintf(text, sizeof(text), "%s%s", name, rest);
	return text;
}

/* The victim gets the driver: NAME_CALLBACK. */
#define GIVE(_callback) \
	ASSERT_EQ(0, victim_driver(&self->victim, join(variant->name, _callback)))

#define WAIT_FOR(_function) WAIT_UNTIL_PROBED(join(variant->name, OF_MISTAKES(_function)))

#define EXPECT_PROBED_CALLS(_calls, _function) \
	EXPECT_EQ(_calls, probed_calls(join(variant->name, OF_MISTAKES(_function))))

#define EXPECT_NONE_NAMED()                                                             \
	do {                                                                            \
		ASSERT_EQ(0, mnck_set_parameter("watch", 0));                           \
		EXPECT_NO_LINE(self->kmsg);                                             \
		EXPECT_FALSE(is_accused("[" MISTAKES_MODULE "]"));                      \
	} while (0)

/* The driver is not reported, whichever of its callbacks it is. */
TEST_F_TIMEOUT(no_sleep, non_blockable, MNCK_TIMEOUT)
{
	GIVE("_start");
	GIVE("_end");
	GIVE("_interval" IN_AREA);
	WAIT_FOR("_start");
	WAIT_FOR("_end");
	WAIT_FOR("_invalidate");
	STOP_IN_EXIT();
	EXPECT_EQ(0, victim_mrelease(&self->victim));
	EXPECT_PROBED_CALLS(self->reap.vmas, "_start");
	EXPECT_PROBED_CALLS(self->reap.vmas, "_end");
	EXPECT_PROBED_CALLS(1, "_invalidate");
	EXPECT_NONE_NAMED();
}

/* Nor is it reported for the end that undoes a start. */
TEST_F_TIMEOUT(no_sleep, undoing_end, MNCK_TIMEOUT)
{
	GIVE("_end");
	ASSERT_EQ(0, victim_driver(&self->victim, "refusing"));
	WAIT_FOR("_end");
	STOP_IN_EXIT();
	EXPECT_ERRNO(EAGAIN, victim_mrelease(&self->victim));
	EXPECT_PROBED_CALLS(self->reap.vmas, "_end");
	EXPECT_NONE_NAMED();
}

TEST_HARNESS_MAIN
