// SPDX-License-Identifier: GPL-2.0
/*
 * Many ranges of one mm are open at once, in many tasks or nested in one task: the
 * chain gives each start its end.
 */
#include "chain.h"
#include "mnck_harness.h"
#include "option.h"
#include "workers.h"

/* More ranges than a chain has memory for at first: the parameter chain_slots, 32. */
#define THREADS 80
#define ROUNDS 20

#define AREA ((char *)0x300000000UL)

/* Order 0 maps the thread's own page, any other is MADV_DONTNEED of that page. */
static int work(int number, __u32 order)
{
	char *page = AREA + number * getpagesize();

	return order ? madvise(page, getpagesize(), MADV_DONTNEED) :
		       map_pages(page, getpagesize());
}

/* Sends one order for each thread. */
static int send_all(const struct workers *workers)
{
	__u32 orders[THREADS];

	for (int i = 0; i < THREADS; i++)
		orders[i] = 1;
	return workers_send(workers, orders, THREADS);
}

FIXTURE(chain_many)
{
	int fd;
	struct workers workers;
	struct subscriber old;
	struct subscriber chain;
	struct subscriber a;
	struct subscriber b;
};

FIXTURE_SETUP(chain_many)
{
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, workers_start(&self->workers, THREADS, work));
	ASSERT_EQ(0, mnck_attach(self->fd, self->workers.pid, MNCK_KIND_TRYLOCK, &self->old));
	ASSERT_EQ(0, chain_attach(self->fd, self->workers.pid, &self->chain));
	ASSERT_EQ(0, chain_join(&self->chain, MNCK_KIND_COUNTER, &self->a));
	ASSERT_EQ(0, chain_join(&self->chain, MNCK_KIND_TRYLOCK, &self->b));
}

FIXTURE_TEARDOWN(chain_many)
{
	workers_kill(&self->workers);
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
}

/* All threads have a range open at the same time; then all of these end. */
TEST_F_TIMEOUT(chain_many, open_at_once, MNCK_TIMEOUT)
{
	struct subscriber *subs[] = { &self->chain, &self->a, &self->b };

	ASSERT_EQ(0, mnck_lock(&self->old, MNCK_LOCK_HOLD));
	ASSERT_EQ(0, send_all(&self->workers));
	WAIT_UNTIL(stats_now(&self->b).open == THREADS);
	ASSERT_EQ(0, mnck_lock(&self->old, MNCK_LOCK_RELEASE));
	ASSERT_EQ(0, workers_wait(&self->workers, THREADS));
	for (size_t i = 0; i < ARRAY_SIZE(subs); i++) {
		struct mnck_stats got = stats_now(subs[i]);

		EXPECT_STREQ("", member_broken(&got));
		EXPECT_EQ(THREADS, got.starts);
		EXPECT_EQ(THREADS, got.ends);
	}
}

/* A member joins and leaves while threads start and end ranges: each start has its end. */
TEST_F_TIMEOUT(chain_many, coming_and_going, MNCK_TIMEOUT)
{
	struct subscriber *subs[] = { &self->chain, &self->a, &self->b };
	struct mnck_stats got;
	struct subscriber c;

	for (int round = 0; round < ROUNDS; round++) {
		ASSERT_EQ(0, send_all(&self->workers));
		ASSERT_EQ(0, chain_join(&self->chain, MNCK_KIND_COUNTER, &c));
		ASSERT_EQ(0, mnck_detach(&c, &got));
		EXPECT_STREQ("", member_broken(&got));
		EXPECT_EQ(0, got.open);
		ASSERT_EQ(0, workers_wait(&self->workers, THREADS));
	}
	for (size_t i = 0; i < ARRAY_SIZE(subs); i++) {
		got = stats_now(subs[i]);
		EXPECT_STREQ("", member_broken(&got));
		EXPECT_EQ(ROUNDS * THREADS, got.starts);
		EXPECT_EQ(ROUNDS * THREADS, got.ends);
	}
}

#define HUGE (2UL << 20)

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

/*
 * Ranges that nest in one task are two starts and two ends.  MADV_DONTNEED of a part of a
 * huge page splits the page: a range (CLEAR, the whole huge page) within the range of
 * the part.
 */
TEST_F_TIMEOUT(chain_many, nested, MNCK_TIMEOUT)
{
	struct mnck_stats a, b;
	char *area, *huge;

	REQUIRE_OPTION(has_thp(), "TRANSPARENT_HUGEPAGE");
	area = mmap(NULL, 2 * HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, area);
	huge = (char *)(((unsigned long)area + HUGE - 1) & ~(HUGE - 1));
	memset(huge, 1, HUGE);
	ASSERT_EQ(0, own_pages());
	ASSERT_EQ(0, madvise(huge, HUGE, MADV_HUGEPAGE)) TH_LOG("%m");
	ASSERT_EQ(0, madvise(huge, HUGE, MADV_COLLAPSE)) TH_LOG("%m");
	ASSERT_EQ(0, chain_attach(self->fd, 0, &self->chain));
	ASSERT_EQ(0, chain_join(&self->chain, MNCK_KIND_COUNTER, &self->a));
	ASSERT_EQ(0, chain_join(&self->chain, MNCK_KIND_TRYLOCK, &self->b));

	ASSERT_EQ(0, madvise(huge, HUGE / 2, MADV_DONTNEED));
	a = stats_now(&self->a);
	b = stats_now(&self->b);
	EXPECT_STREQ("", member_broken(&a));
	EXPECT_STREQ("", member_broken(&b));
	EXPECT_EQ(2, a.starts);
	EXPECT_EQ(2, a.ends);
	EXPECT_EQ(2, b.ends);
	/* The inner range started last. */
	EXPECT_EQ((unsigned long)huge, a.last_start);
	EXPECT_EQ((unsigned long)huge + HUGE, a.last_end);
}

TEST_HARNESS_MAIN
