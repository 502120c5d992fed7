// SPDX-License-Identifier: GPL-2.0
/*
 * Rule lock-order: lockdep learns, for all callbacks of a kind at once, which locks are held
 * when the core calls one, and which locks one takes.  So each callback of mnck's subscribers
 * runs under a lockdep map of its kind, which /proc/lockdep lists with the locks that were
 * taken next.
 *
 * The locks here are those of the subscribers.
 */
#include <stdlib.h>

#include "chain.h"
#include "interval.h"
#include "mnck_harness.h"
#include "option.h"
#include "victim.h"

#define AREA_SIZE (4L * getpagesize())

/* The core's map of all invalidations. */
#define CORE "mmu_notifier_invalidate_range_start"

/* Each is taken while the other is held, and nothing between them. */
static const struct {
	const char *held;
	const char *taken;
} orders[] = {
	{ CORE, "mnck_invalidate" },
	{ "mnck_invalidate", "Mirror::shadow" },
	{ "mnck_finish", "Statistics::stats" },
	{ "mnck_start", "Statistics::stats" },
	{ "mnck_end", "Statistics::stats" },
	{ "mnck_release", "Statistics::stats" },
	{ "mnck_flush", "Statistics::stats" },
	{ "mnck_chain_start", "Statistics::stats" },
	{ "Chain::readers", "mnck_chain_end" },
};

/* Returns whether lockdep has seen @taken directly under @held. */
static bool has_order(const char *held, const char *taken)
{
	FILE *file = fopen("/proc/lockdep", "re");
	char *line = NULL, *name;
	bool is_held = false, found = false;
	size_t size = 0;

	/* A lock has a line "...: NAME", and then each lock taken under it one " -> [...] NAME". */
	while (file && !found && getline(&line, &size, file) >= 0) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, " -> ", 4)) {
			name = strstr(line, "] ");
			found = is_held && name && !strcmp(name + 2, taken);
		} else {
			name = strrchr(line, ' ');
			is_held = name && !strcmp(name + 1, held);
		}
	}
	free(line);
	if (file)
		fclose(file);
	return found;
}

FIXTURE(lock_order)
{
	int fd;
	struct victim victim;
};

FIXTURE_SETUP(lock_order)
{
	self->fd = -1;
	REQUIRE_OPTION(has_lockdep(), "PROVE_LOCKING");
	ASSERT_EQ(0, victim_start(&self->victim, AREA_SIZE));
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(lock_order)
{
	victim_kill(&self->victim);
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
}

TEST_F_TIMEOUT(lock_order, maps, MNCK_TIMEOUT)
{
	const __u32 kinds[] = { MNCK_KIND_COUNTER, MNCK_KIND_SECONDARY_TLB };
	const __u32 intervals[] = { MNCK_KIND_MIRROR, MNCK_KIND_TWO_PASS };
	struct subscriber sub, chain;
	pid_t pid = self->victim.pid;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		ASSERT_EQ(0, mnck_attach(self->fd, pid, kinds[i], &sub));
	for (size_t i = 0; i < ARRAY_SIZE(intervals); i++)
		ASSERT_EQ(0, interval_attach(self->fd, pid, intervals[i], 0, VICTIM_AREA, AREA_SIZE,
					     &sub));
	ASSERT_EQ(0, chain_attach(self->fd, pid, &chain));
	ASSERT_EQ(0, chain_join(&chain, MNCK_KIND_COUNTER, &sub));
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, getpagesize()));
	ASSERT_EQ(SIGKILL, WTERMSIG(victim_kill(&self->victim)));

	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		EXPECT_TRUE(has_order(orders[i].held, orders[i].taken))
			TH_LOG("%s is not taken under %s", orders[i].taken, orders[i].held);
	}
	/* The maps are not one. */
	EXPECT_FALSE(has_order("mnck_start", "Mirror::shadow"));
	EXPECT_FALSE(has_order("mnck_release", "Mirror::shadow"));
	EXPECT_FALSE(has_order("mnck_end", "mnck_start"));
}

TEST_HARNESS_MAIN
