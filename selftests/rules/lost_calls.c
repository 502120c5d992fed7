// SPDX-License-Identifier: GPL-2.0
/*
 * A ledger that is too small loses calls.  mnck says how many, and reports no subscriber
 * because of a call that it has not recorded.
 *
 * The ledger has a place for one task.  The victim takes it: the victim waits in the start
 * of a trylock.  Meanwhile the test unmaps memory of its own.
 */
#include "mnck_harness.h"
#include "module.h"
#include "proc.h"
#include "table.h"
#include "victim.h"

FIXTURE(lost_calls)
{
	int fd;
	bool removed;
	size_t page;
	struct victim victim;
	struct subscriber trylock;
	struct subscriber counter;
};

FIXTURE_SETUP(lost_calls)
{
	self->fd = -1;
	self->removed = false;
	self->page = getpagesize();
	REQUIRE_TABLES();
	REQUIRE_MNCK_KO();
	ASSERT_EQ(0, mnck_remove());
	self->removed = true;
	ASSERT_EQ(0, mnck_insert("ledger_slots=1"));
	ASSERT_EQ(0, victim_start(&self->victim, self->page));
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_TRYLOCK, &self->trylock));
	ASSERT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_COUNTER, &self->counter));
}

FIXTURE_TEARDOWN(lost_calls)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	victim_kill(&self->victim);
	if (self->removed) {
		mnck_remove();
		EXPECT_EQ(0, mnck_insert(""));
	}
}

/* The start and the end of one range are lost; those of the next range are not. */
TEST_F_TIMEOUT(lost_calls, pair, MNCK_TIMEOUT)
{
	char *area = mmap(NULL, 2 * self->page, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	struct mnck_stats before, after;

	ASSERT_NE(MAP_FAILED, area);
	ASSERT_EQ(0, own_pages());
	EXPECT_EQ(NULL, table_row("violations", "(1"));
	EXPECT_EQ(NULL, table_row("violations", "(2"));

	ASSERT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_HOLD));
	ASSERT_EQ(0, victim_send(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, self->page));
	/* A victim that waits for orders is in state S. */
	WAIT_UNTIL(proc_state(self->victim.pid, self->victim.pid) == 'D');
	before = stats_now(&self->counter);
	ASSERT_EQ(0, munmap(area, self->page));
	after = stats_now(&self->counter);
	EXPECT_EQ(1, after.starts - before.starts);
	EXPECT_EQ(1, after.ends - before.ends);
	EXPECT_NE(NULL, table_row("violations", "(2"));

	ASSERT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_RELEASE));
	ASSERT_EQ(0, victim_wait(&self->victim));
	ASSERT_EQ(0, munmap(area + self->page, self->page));
	after = stats_now(&self->counter);
	EXPECT_EQ(2, after.starts - before.starts);
	EXPECT_EQ(2, after.ends - before.ends);
	EXPECT_NE(NULL, table_row("violations", "(2"));
	EXPECT_EQ(0, after.violations[MNCK_RULE_PAIRING]);
	EXPECT_EQ(0, rule_count("pairing"));
}

TEST_HARNESS_MAIN
