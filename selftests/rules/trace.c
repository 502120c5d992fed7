// SPDX-License-Identifier: GPL-2.0
/*
 * mnck's tracepoints: each callback is an event in tracefs, which perf and trace-cmd
 * read.
 */
#include "mnck_harness.h"
#include "option.h"
#include "tracefs.h"
#include "victim.h"

FIXTURE(trace)
{
	int fd;
	size_t page;
	struct victim victim;
	struct subscriber counter;
	char name[32];
};

FIXTURE_SETUP(trace)
{
	struct mnck_stats stats;

	self->fd = -1;
	self->page = getpagesize();
	REQUIRE_OPTION(has_event_tracing(), "EVENT_TRACING");
	ASSERT_EQ(0, victim_start(&self->victim, 4 * self->page));
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_COUNTER, &self->counter));
	ASSERT_EQ(0, mnck_stats(&self->counter, &stats));
	snprintf(self->name, sizeof(self->name), "counter %llu", stats.serial);
	ASSERT_EQ(0, tracing_on());
}

FIXTURE_TEARDOWN(trace)
{
	EXPECT_EQ(0, tracing_off());
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	victim_kill(&self->victim);
}

/* A start and its end are traced with the subscriber, the range and the initiator's symbol. */
TEST_F_TIMEOUT(trace, pair, MNCK_TIMEOUT)
{
	unsigned long start = (unsigned long)VICTIM_AREA + self->page;

	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA + self->page, self->page));
	/* unmap_vmas(), or unmap_region() if that is inlined there. */
	EXPECT_TRACED(1, "start: %s: UNMAP 0x%lx-0x%lx blockable in unmap_", self->name,
		      start, start + self->page);
	EXPECT_TRACED(1, "end: %s: UNMAP 0x%lx-0x%lx blockable in unmap_", self->name,
		      start, start + self->page);
	EXPECT_TRACED(2, ": %s: ", self->name);
	EXPECT_TRACED(0, "refused: ");
	EXPECT_TRACED(0, "violation: ");
}

/* A disabled tracepoint traces nothing. */
TEST_F_TIMEOUT(trace, off, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, tracing_off());
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, self->page));
	EXPECT_TRACED(0, ": %s: ", self->name);
}

TEST_HARNESS_MAIN
