// SPDX-License-Identifier: GPL-2.0
/*
 * The callbacks of all drivers are events in tracefs, which perf and trace-cmd read.
 */
#include "file.h"
#include "mnck_harness.h"
#include "observed.h"
#include "tracefs.h"
#include "victim.h"

#define START ((unsigned long)VICTIM_AREA)

FIXTURE(traced)
{
	struct victim victim;
};

FIXTURE_SETUP(traced)
{
	REQUIRE_OPTION(has_event_tracing(), "EVENT_TRACING");
	WATCH_MISTAKES();
	ASSERT_EQ(0, victim_start(&self->victim, MISTAKES_PAGES * getpagesize()));
	ASSERT_EQ(0, tracing_on());
}

FIXTURE_TEARDOWN(traced)
{
	EXPECT_EQ(0, tracing_off());
	victim_kill(&self->victim);
	UNWATCH_MISTAKES();
}

/* A callback has two events: its function, its module and its range; what it has returned. */
TEST_F_TIMEOUT(traced, range, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, victim_driver(&self->victim, "clean"));
	WAIT_UNTIL_PROBED(OF_MISTAKES("clean_start"));
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, getpagesize()));
	EXPECT_TRACED(1, "callback_entry: " OF_MISTAKES("clean_start")
		      ": UNMAP 0x%lx-0x%lx blockable", START, START + getpagesize());
	EXPECT_TRACED(1, "callback_exit: " OF_MISTAKES("clean_start") ": returned 0 after ");
	EXPECT_TRACED(1, "callback_entry: " OF_MISTAKES("clean_end")
		      ": UNMAP 0x%lx-0x%lx blockable", START, START + getpagesize());
	EXPECT_TRACED(1, "callback_exit: " OF_MISTAKES("clean_end"));
	EXPECT_TRACED(4, ": callback_");
}

/* A callback without a range has none. */
TEST_F_TIMEOUT(traced, no_range, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, victim_driver(&self->victim, "clean_tlbs"));
	WAIT_UNTIL_PROBED(OF_MISTAKES("clean_tlbs"));
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, getpagesize()));
	EXPECT_LE(1, traced("callback_entry: " OF_MISTAKES("clean_tlbs") ": - 0x0-0x0 "));
}

/* A disabled tracepoint traces nothing. */
TEST_F_TIMEOUT(traced, off, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, victim_driver(&self->victim, "clean"));
	WAIT_UNTIL_PROBED(OF_MISTAKES("clean_start"));
	ASSERT_EQ(0, tracing_off());
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, getpagesize()));
	EXPECT_EQ(0, traced(": callback_"));
}

TEST_HARNESS_MAIN
