// SPDX-License-Identifier: GPL-2.0
/*
 * Rule lock-order, for drivers that mnck has not registered: lockdep reports them, by the map
 * that the core has for all invalidations, and that each allocation with direct reclaim takes.
 * mnck observes them meanwhile, and reports nothing.
 *
 * Lockdep reports once and then turns itself off until the next boot, so the program has a guest
 * of its own.
 */
#include "file.h"
#include "kmsg.h"
#include "mnck_harness.h"
#include "observed.h"
#include "option.h"
#include "victim.h"
#include "violation.h"

#define CORE "mmu_notifier_invalidate_range_start"

FIXTURE(circle)
{
	int kmsg;
	struct victim victim;
};

FIXTURE_SETUP(circle)
{
	REQUIRE_OPTION(has_lockdep(), "PROVE_LOCKING");
	WATCH_MISTAKES();
	self->kmsg = kmsg_open(O_NONBLOCK);
	ASSERT_LE(0, self->kmsg);
	ASSERT_EQ(0, victim_start(&self->victim, MISTAKES_PAGES * getpagesize()));
}

FIXTURE_TEARDOWN(circle)
{
	victim_kill(&self->victim);
	UNWATCH_MISTAKES();
	close(self->kmsg);
}

/* The driver's two subscriptions hear of a munmap, and then of the exit. */
#define EXPECT_CALLED(_interval, _release, _invalidated, _released)                     \
	do {                                                                            \
		struct victim *v_ = &self->victim;                                      \
											\
		ASSERT_EQ(0, victim_driver(v_, _interval IN_AREA));                     \
		ASSERT_EQ(0, victim_driver(v_, _release));                              \
		WAIT_UNTIL_PROBED(_invalidated);                                        \
		WAIT_UNTIL_PROBED(_released);                                           \
		ASSERT_EQ(0, victim_do(v_, VICTIM_MUNMAP, VICTIM_AREA, getpagesize())); \
		EXPECT_EQ(1, probed_calls(_invalidated));                               \
		ASSERT_EQ(SIGKILL, WTERMSIG(victim_kill(v_)));                          \
		EXPECT_EQ(1, probed_calls(_released));                                  \
		ASSERT_EQ(0, mnck_set_parameter("watch", 0));                           \
		EXPECT_NO_LINE(self->kmsg);                                             \
	} while (0)

/* A driver that takes its mutex after it has allocated is not reported. */
TEST_F_TIMEOUT(circle, right, MNCK_TIMEOUT)
{
	EXPECT_CALLED("ordered_interval", "ordered_release", OF_MISTAKES("ordered_invalidate"),
		      OF_MISTAKES("ordered_release"));
}

/* Lockdep reports the circle, although nothing had to be reclaimed. */
TEST_F_TIMEOUT(circle, wrong, MNCK_TIMEOUT)
{
	ksft_print_msg("mnck-expect: LOCKDEP " CORE " -> circling_lock\n");
	EXPECT_CALLED("circling_interval", "circling_release",
		      OF_MISTAKES("circling_invalidate"), OF_MISTAKES("circling_release"));
}

TEST_HARNESS_MAIN
