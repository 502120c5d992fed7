// SPDX-License-Identifier: GPL-2.0
/*
 * Who waits for the user of a session, for a lock or at a gate, and is let go by
 * nobody, goes on when wait_limit_ms has passed.
 *
 * The module is inserted anew with a limit that one need not wait for long.
 */
#include <time.h>

#include "interval.h"
#include "mnck_harness.h"
#include "module.h"
#include "proc.h"
#include "victim.h"

#define WAIT_LIMIT "wait_limit_ms=3000"
/* No wait is shorter, ns.  It is counted in jiffies, which are rough. */
#define WAIT_AT_LEAST 2000000000LL

#define AREA_PAGES 4

FIXTURE(wait_limit)
{
	int fd;
	size_t len;
	struct victim victim;
};

FIXTURE_SETUP(wait_limit)
{
	REQUIRE_MNCK_KO();
	self->len = AREA_PAGES * getpagesize();
	ASSERT_EQ(0, victim_start(&self->victim, self->len));
	ASSERT_EQ(0, mnck_remove());
	ASSERT_EQ(0, mnck_insert(WAIT_LIMIT));
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(wait_limit)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	victim_kill(&self->victim);
	EXPECT_EQ(0, mnck_remove());
	EXPECT_EQ(0, mnck_insert(""));
}

static long long now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/*
 * Who holds the lock waits for the start that waits for the lock: a detach of the
 * counter waits for all callbacks.  There is nobody else to end it.
 */
TEST_F_TIMEOUT(wait_limit, lock, MNCK_TIMEOUT)
{
	struct mnck_stats unmap = saw_unmaps(MNCK_KIND_COUNTER, 1, VICTIM_AREA, self->len);
	struct mnck_stats cut = unmap;
	struct subscriber late, trylock, counter;
	long long begin;

	/* The last to be attached is called first. */
	ASSERT_EQ(0, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_COUNTER, &late));
	ASSERT_EQ(0, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_TRYLOCK, &trylock));
	ASSERT_EQ(0, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_COUNTER, &counter));
	ASSERT_EQ(0, mnck_lock(&trylock, MNCK_LOCK_HOLD));
	begin = now_ns();
	ASSERT_EQ(0, victim_send(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, self->len));
	WAIT_UNTIL(stats_now(&counter).open == 1);
	/* Between the two starts it cannot sleep. */
	WAIT_UNTIL(proc_sleeps(self->victim.pid, self->victim.pid));

	cut.ends = 0;
	cut.closed_by_detach = 1;
	EXPECT_DETACH(&counter, cut);
	ASSERT_EQ(0, victim_wait(&self->victim));
	EXPECT_LE(WAIT_AT_LEAST, now_ns() - begin);
	EXPECT_STATS(&late, unmap);
	EXPECT_STATS(&trylock, saw_unmaps(MNCK_KIND_TRYLOCK, 1, VICTIM_AREA, self->len));
	EXPECT_EQ(0, mnck_lock(&trylock, MNCK_LOCK_RELEASE));
}

/* If nobody lets them go they go by themselves, with nothing done. */
TEST_F_TIMEOUT(wait_limit, gate, MNCK_TIMEOUT)
{
	struct call fault = { .flags = MNCK_MIRROR_WRITE | MNCK_MIRROR_WAIT, .len = self->len };
	struct subscriber mirror, other;
	struct call hold = {};
	long long begin;
	__u64 shadow[AREA_PAGES];
	char *area;

	ASSERT_EQ(0, small_pages());
	area = mmap(NULL, self->len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, area);
	memset(area, 1, self->len);
	ASSERT_EQ(0, interval_attach(self->fd, 0, MNCK_KIND_MIRROR, 0, area, self->len, &mirror));
	ASSERT_EQ(0, interval_attach(self->fd, 0, MNCK_KIND_MIRROR, 0, area, getpagesize(),
				     &other));
	fault.start = area;
	ASSERT_EQ(0, call_begin(&fault, call_fault, &mirror));
	WAIT_UNTIL(mirror_holds_call(&mirror));
	begin = now_ns();
	ASSERT_EQ(0, call_begin(&hold, call_hold, &other));
	WAIT_UNTIL(mirror_holds_call(&other));
	/* Until the lock is free. */
	ASSERT_EQ(0, madvise(area, getpagesize(), MADV_DONTNEED));
	EXPECT_LE(WAIT_AT_LEAST, now_ns() - begin);
	EXPECT_EQ(ETIMEDOUT, call_end(&hold));
	EXPECT_EQ(ETIMEDOUT, call_end(&fault));
	ASSERT_EQ(0, mirror_read(&mirror, area, self->len, shadow));
	for (int i = 0; i < AREA_PAGES; i++)
		EXPECT_EQ(0, shadow[i]);
	EXPECT_EQ(0, stats_now(&mirror).waiting);
	EXPECT_EQ(0, stats_now(&mirror).retries);
}

TEST_HARNESS_MAIN
