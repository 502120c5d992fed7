// SPDX-License-Identifier: GPL-2.0
/*
 * The table of all subscriptions has each that is registered at that moment, with its
 * process, and no other.
 */
#include "interval.h"
#include "mnck_harness.h"
#include "table.h"
#include "victim.h"

/* How often the table has a subscriber of mnck to the process, with @words behind it. */
static int listed(pid_t pid, const char *words)
{
	return table_registered("[mnck]", pid, words);
}

FIXTURE(registered)
{
	int fd;
	size_t page;
	pid_t pid;
	struct victim victim;
};

FIXTURE_SETUP(registered)
{
	self->fd = -1;
	self->page = getpagesize();
	REQUIRE_TABLES();
	ASSERT_EQ(0, victim_start(&self->victim, 4 * self->page));
	self->pid = self->victim.pid;
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(registered)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	victim_kill(&self->victim);
}

/* Each subscriber is listed from its attach to its detach. */
TEST_F_TIMEOUT(registered, each_kind, MNCK_TIMEOUT)
{
	struct subscriber counter, trylock, aging, mirror, two_pass;
	struct mnck_stats stats;
	char interval[64];

	EXPECT_EQ(0, listed(self->pid, ""));
	ASSERT_EQ(0, mnck_attach(self->fd, self->pid, MNCK_KIND_COUNTER, &counter));
	EXPECT_EQ(1, listed(self->pid, " start,end,release"));
	ASSERT_EQ(0, mnck_attach(self->fd, self->pid, MNCK_KIND_TRYLOCK, &trylock));
	EXPECT_EQ(1, listed(self->pid, " start,release"));
	ASSERT_EQ(0, mnck_attach(self->fd, self->pid, MNCK_KIND_AGING, &aging));
	EXPECT_EQ(1, listed(self->pid, " clear_flush_young,clear_young,test_young,release"));
	ASSERT_EQ(0, interval_attach(self->fd, self->pid, MNCK_KIND_MIRROR, 0, VICTIM_AREA,
				     2 * self->page, &mirror));
	snprintf(interval, sizeof(interval), " %#lx-%#lx seq ", (unsigned long)VICTIM_AREA,
		 (unsigned long)VICTIM_AREA + 2 * self->page);
	EXPECT_EQ(1, listed(self->pid, interval));
	EXPECT_EQ(1, listed(self->pid, " open 0 invalidate"));
	ASSERT_EQ(0, interval_attach(self->fd, self->pid, MNCK_KIND_TWO_PASS, 0, VICTIM_AREA,
				     self->page, &two_pass));
	EXPECT_EQ(1, listed(self->pid, " invalidate_start,invalidate_finish"));
	EXPECT_EQ(5, listed(self->pid, ""));
	EXPECT_EQ(0, listed(getpid(), ""));

	ASSERT_EQ(0, mnck_detach(&mirror, &stats));
	EXPECT_EQ(0, listed(self->pid, interval));
	ASSERT_EQ(0, mnck_detach(&counter, &stats));
	EXPECT_EQ(0, listed(self->pid, " start,end,release"));
	EXPECT_EQ(3, listed(self->pid, ""));
}

/* A process that has exited has no subscriptions. */
TEST_F_TIMEOUT(registered, exit, MNCK_TIMEOUT)
{
	struct subscriber counter;

	ASSERT_EQ(0, mnck_attach(self->fd, self->pid, MNCK_KIND_COUNTER, &counter));
	EXPECT_EQ(1, listed(self->pid, ""));
	ASSERT_EQ(0, victim_send(&self->victim, VICTIM_EXIT, NULL, 0));
	ASSERT_EQ(0, victim_join(&self->victim));
	EXPECT_EQ(0, listed(self->pid, ""));
}

/* A range that is open is counted, and makes the sequence odd. */
TEST_F_TIMEOUT(registered, open_range, MNCK_TIMEOUT)
{
	struct subscriber trylock, mirror;

	ASSERT_EQ(0, mnck_attach(self->fd, self->pid, MNCK_KIND_TRYLOCK, &trylock));
	ASSERT_EQ(0, interval_attach(self->fd, self->pid, MNCK_KIND_MIRROR, 0, VICTIM_AREA,
				     2 * self->page, &mirror));
	ASSERT_EQ(0, mnck_lock(&trylock, MNCK_LOCK_HOLD));
	ASSERT_EQ(0, victim_send(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, self->page));
	WAIT_UNTIL(listed(self->pid, " open 1 "));
	ASSERT_EQ(0, mnck_lock(&trylock, MNCK_LOCK_RELEASE));
	ASSERT_EQ(0, victim_wait(&self->victim));
	EXPECT_EQ(1, listed(self->pid, " open 0 "));
}

TEST_HARNESS_MAIN
