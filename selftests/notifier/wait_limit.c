// SPDX-License-Identifier: GPL-2.0
/*
 * Proves that a task that waits for the user of a session, in a start for a lock or
 * in an ioctl at the gate of a mirror, goes on by itself after wait_limit_ms.
 *
 * The tests insert the module again with a short limit.
 */
#include "clock.h"
#include "interval.h"
#include "mnck_harness.h"
#include "module.h"
#include "proc.h"
#include "victim.h"

#define WAIT_LIMIT "wait_limit_ms=3000"
/* The shortest wait to accept, in ns: the limit is counted in jiffies, and inexact. */
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

/*
 * A start that waits for a held lock goes on after the limit.  Here only the limit can
 * end the wait: the test holds the lock, and waits for that start itself, in a detach
 * of the counter, which waits for all callbacks.
 */
TEST_F_TIMEOUT(wait_limit, lock, MNCK_TIMEOUT)
{
	struct mnck_stats unmap = saw_unmaps(MNCK_KIND_COUNTER, 1, VICTIM_AREA, self->len);
	struct mnck_stats cut = unmap;
	struct subscriber late, trylock, counter;
	long long begin;

	/* The core calls the subscriber first that was attached last. */
	ASSERT_EQ(0, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_COUNTER, &late));
	ASSERT_EQ(0, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_TRYLOCK, &trylock));
	ASSERT_EQ(0, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_COUNTER, &counter));
	ASSERT_EQ(0, mnck_lock(&trylock, MNCK_LOCK_HOLD));
	begin = now_ns();
	ASSERT_EQ(0, victim_send(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, self->len));
	WAIT_UNTIL(stats_now(&counter).open == 1);
	/* The victim does not sleep between these two starts, so it sleeps in the second. */
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

/* How many locks are held; each could make the start wait for the limit. */
#define MANY 64
/* What one range may take: the limit, and the work of all subscribers. */
#define ONE_RANGE (5 * 3000000000LL)

/* The starts of one range together wait for the limit, however many locks are held. */
TEST_F_TIMEOUT(wait_limit, many_locks, MNCK_TIMEOUT)
{
	struct subscriber trylocks[MANY];
	long long begin, taken;
	int other = mnck_open();

	ASSERT_LE(0, other);
	for (int i = 0; i < MANY; i++) {
		ASSERT_EQ(0, mnck_attach(i & 1 ? other : self->fd, self->victim.pid,
					 MNCK_KIND_TRYLOCK, &trylocks[i]));
		ASSERT_EQ(0, mnck_lock(&trylocks[i], MNCK_LOCK_HOLD));
	}
	begin = now_ns();
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, self->len));
	taken = now_ns() - begin;
	EXPECT_LE(WAIT_AT_LEAST, taken);
	EXPECT_GE(ONE_RANGE, taken);
	for (int i = 0; i < MANY; i++)
		EXPECT_STATS(&trylocks[i],
			     saw_unmaps(MNCK_KIND_TRYLOCK, 1, VICTIM_AREA, self->len));
	EXPECT_EQ(0, close(other));
}

/* A thread that holds the lock of a mirror, again and again. */
struct holder {
	pthread_t thread;
	struct subscriber mirror;
	atomic_bool stop;
};

static void *hold_again(void *arg)
{
	struct holder *holder = arg;

	while (!atomic_load(&holder->stop))
		mirror_do(&holder->mirror, MNCK_MIRROR_HOLD, 0, NULL, 0, NULL);
	return NULL;
}

/* The same for mirrors whose locks are held again as soon as a hold has failed. */
TEST_F_TIMEOUT(wait_limit, many_mirrors, MNCK_TIMEOUT)
{
	struct holder holders[MANY / 2] = {};
	long long begin, taken;

	for (int i = 0; i < MANY / 2; i++) {
		struct holder *holder = &holders[i];

		ASSERT_EQ(0, interval_attach(self->fd, self->victim.pid, MNCK_KIND_MIRROR, 0,
					     VICTIM_AREA, self->len, &holder->mirror));
		ASSERT_EQ(0, pthread_create(&holder->thread, NULL, hold_again, holder));
	}
	for (int i = 0; i < MANY / 2; i++)
		WAIT_UNTIL(mirror_holds_call(&holders[i].mirror));
	begin = now_ns();
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, self->len));
	taken = now_ns() - begin;
	EXPECT_GE(ONE_RANGE, taken);
	for (int i = 0; i < MANY / 2; i++) {
		atomic_store(&holders[i].stop, true);
		ASSERT_EQ(0, mirror_let_go(&holders[i].mirror));
		ASSERT_EQ(0, pthread_join(holders[i].thread, NULL));
		EXPECT_EQ(1, stats_now(&holders[i].mirror).starts);
	}
}

/* A fault and a hold at the gate fail with ETIMEDOUT after the limit, and do nothing. */
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
	/* This waits for the lock that the hold has. */
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
