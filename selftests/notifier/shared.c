// SPDX-License-Identifier: GPL-2.0
/*
 * Proves that an mm has one shared subscriber, however often and by however many
 * sessions it is attached; and that the last detach frees the subscriber, without
 * waiting for that.
 */
#include <stdint.h>

#include "mnck_harness.h"
#include "victim.h"

#define AREA_PAGES 16

FIXTURE(shared)
{
	int fd;
	int other_fd;
	size_t page;
	struct victim victim;
	/* A counter on the test itself, to read the numbers of shared subscribers from. */
	struct subscriber census;
	/* How many shared subscribers were made before the test. */
	__u64 made;
};

FIXTURE_VARIANT(shared)
{
	__u32 flags;
};

FIXTURE_VARIANT_ADD(shared, plain)
{
	.flags = 0,
};

FIXTURE_VARIANT_ADD(shared, locked)
{
	.flags = MNCK_ATTACH_LOCKED,
};

static __u64 made(const struct subscriber *sub)
{
	struct mnck_stats stats;

	return mnck_stats(sub, &stats) ? UINT64_MAX : stats.made;
}

static __u64 freed(const struct subscriber *sub)
{
	struct mnck_stats stats;

	return mnck_stats(sub, &stats) ? UINT64_MAX : stats.freed;
}

static __u64 serial(const struct subscriber *sub)
{
	struct mnck_stats stats;

	return mnck_stats(sub, &stats) ? UINT64_MAX : stats.serial;
}

FIXTURE_SETUP(shared)
{
	self->fd = -1;
	self->other_fd = -1;
	self->page = getpagesize();
	ASSERT_EQ(0, victim_start(&self->victim, AREA_PAGES * self->page));
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	self->other_fd = mnck_open();
	ASSERT_LE(0, self->other_fd);
	ASSERT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_COUNTER, &self->census));
	/* The core frees what an earlier test has left, after a grace period. */
	self->made = made(&self->census);
	WAIT_UNTIL(freed(&self->census) == self->made);
}

FIXTURE_TEARDOWN(shared)
{
	if (self->other_fd >= 0)
		EXPECT_EQ(0, close(self->other_fd));
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	victim_kill(&self->victim);
}

#define attach_shared(_fd, _pid, _sub)                                            \
	mnck_attach_how(_fd, (struct mnck_attach){                                \
				.pid = _pid,                                      \
				.kind = MNCK_KIND_SHARED,                         \
				.flags = variant->flags,                          \
			}, _sub)

/* The test has made @_made shared subscribers so far, of which @_alive are left. */
#define EXPECT_MADE(_made, _alive)                                                \
	do {                                                                      \
		EXPECT_EQ(self->made + (_made), made(&self->census));             \
		WAIT_UNTIL(freed(&self->census) >= self->made + (_made) - (_alive)); \
		EXPECT_EQ(self->made + (_made) - (_alive), freed(&self->census)); \
	} while (0)

/* Two attaches in one session and one in another are of the same subscriber. */
TEST_F_TIMEOUT(shared, one_mm, MNCK_TIMEOUT)
{
	struct subscriber subs[3];

	ASSERT_EQ(0, attach_shared(self->fd, self->victim.pid, &subs[0]));
	ASSERT_EQ(0, attach_shared(self->fd, self->victim.pid, &subs[1]));
	ASSERT_EQ(0, attach_shared(self->other_fd, self->victim.pid, &subs[2]));
	EXPECT_NE(subs[0].id, subs[1].id);
	EXPECT_EQ(serial(&subs[0]), serial(&subs[1]));
	EXPECT_EQ(serial(&subs[0]), serial(&subs[2]));
	EXPECT_NE(serial(&self->census), serial(&subs[0]));
	EXPECT_MADE(1, 1);

	/* One munmap() is one start, which all three count. */
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, self->page));
	for (size_t i = 0; i < ARRAY_SIZE(subs); i++)
		EXPECT_STATS(&subs[i], saw_unmaps(MNCK_KIND_SHARED, 1, VICTIM_AREA, self->page));
}

/* Two mms have two shared subscribers, each of which sees its own mm alone. */
TEST_F_TIMEOUT(shared, two_mms, MNCK_TIMEOUT)
{
	struct subscriber own, others;

	ASSERT_EQ(0, own_pages());
	ASSERT_EQ(0, attach_shared(self->fd, 0, &own));
	ASSERT_EQ(0, attach_shared(self->fd, self->victim.pid, &others));
	EXPECT_NE(serial(&own), serial(&others));
	EXPECT_MADE(2, 2);

	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, self->page));
	EXPECT_STATS(&others, saw_unmaps(MNCK_KIND_SHARED, 1, VICTIM_AREA, self->page));
	EXPECT_STATS(&own, saw_nothing());

	EXPECT_DETACH(&own, saw_nothing());
	EXPECT_MADE(2, 1);
}

/*
 * A shared subscriber counts what a counter counts, and stays when one of two
 * sessions has detached it.
 */
TEST_F_TIMEOUT(shared, kept_by_other, MNCK_TIMEOUT)
{
	struct subscriber counter, mine, others;
	__u64 number;

	ASSERT_EQ(0, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_COUNTER, &counter));
	ASSERT_EQ(0, attach_shared(self->fd, self->victim.pid, &mine));
	ASSERT_EQ(0, attach_shared(self->other_fd, self->victim.pid, &others));
	number = serial(&mine);

	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, self->page));
	EXPECT_DETACH(&mine, saw_unmaps(MNCK_KIND_SHARED, 1, VICTIM_AREA, self->page));
	EXPECT_MADE(1, 1);

	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA + self->page, self->page));
	EXPECT_EQ(number, serial(&others));
	EXPECT_STATS(&others, saw_unmaps(MNCK_KIND_SHARED, 2, VICTIM_AREA + self->page,
					 self->page));
	EXPECT_STATS(&counter, saw_unmaps(MNCK_KIND_COUNTER, 2, VICTIM_AREA + self->page,
					  self->page));

	/* Closing the session drops the reference as a detach does. */
	ASSERT_EQ(0, close(self->other_fd));
	self->other_fd = -1;
	EXPECT_MADE(1, 0);
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA + 2 * self->page,
			       self->page));
	EXPECT_STATS(&counter, saw_unmaps(MNCK_KIND_COUNTER, 3, VICTIM_AREA + 2 * self->page,
					  self->page));
}

/*
 * An attach after the last detach makes a new subscriber, whether the old one was
 * freed already or not: the last detach does not wait for that.
 */
TEST_F_TIMEOUT(shared, attached_again, MNCK_TIMEOUT)
{
	struct subscriber sub;
	__u64 before = 0;

	for (int i = 1; i <= 20; i++) {
		ASSERT_EQ(0, attach_shared(self->fd, self->victim.pid, &sub));
		EXPECT_EQ(self->made + i, made(&self->census));
		EXPECT_LT(before, serial(&sub));
		before = serial(&sub);
		EXPECT_DETACH(&sub, saw_nothing());
		/* At first the next attach mostly comes before the free, then always after. */
		if (i > 10)
			EXPECT_MADE(i, 0);
	}
	EXPECT_MADE(20, 0);
}

/* The exit of its process releases a shared subscriber; it can be detached afterwards. */
TEST_F_TIMEOUT(shared, target_exits, MNCK_TIMEOUT)
{
	struct mnck_stats want = saw_unmaps(MNCK_KIND_SHARED, 1, VICTIM_AREA, self->page);
	struct subscriber mine, others;

	ASSERT_EQ(0, attach_shared(self->fd, self->victim.pid, &mine));
	ASSERT_EQ(0, attach_shared(self->other_fd, self->victim.pid, &others));
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, self->page));
	EXPECT_STATS(&mine, want);

	ASSERT_EQ(0, victim_send(&self->victim, VICTIM_EXIT, NULL, 0));
	ASSERT_EQ(0, victim_join(&self->victim));
	EXPECT_STATS(&mine, released(want));
	EXPECT_EQ(serial(&mine), serial(&others));
	EXPECT_MADE(1, 1);

	EXPECT_DETACH(&mine, released(want));
	EXPECT_STATS(&others, released(want));
	EXPECT_MADE(1, 1);
	EXPECT_DETACH(&others, released(want));
	EXPECT_MADE(1, 0);
}

/* A program that the process execs has a shared subscriber of its own. */
TEST_F_TIMEOUT(shared, target_execs, MNCK_TIMEOUT)
{
	struct subscriber before, after;

	ASSERT_EQ(0, attach_shared(self->fd, self->victim.pid, &before));
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_EXEC, NULL, 0));
	EXPECT_STATS(&before, released(saw_nothing()));

	ASSERT_EQ(0, attach_shared(self->fd, self->victim.pid, &after));
	EXPECT_NE(serial(&before), serial(&after));
	EXPECT_MADE(2, 2);
	EXPECT_STATS(&after, saw_nothing());
}

int main(int argc, char **argv)
{
	victim_exec_main(argc, argv);
	return test_harness_run(argc, argv);
}
