// SPDX-License-Identifier: GPL-2.0
/*
 * Proves that the core calls interval subscribers with two passes in two passes: all
 * start before the first one finishes, and each one that has started finishes, also if
 * another one refuses.  Only a subscriber that cannot allocate memory finishes in its
 * first pass.
 *
 * mnck numbers all starts and ends of all subscribers in one order, which the tests
 * compare.
 */
#include <sys/syscall.h>

#include "interval.h"
#include "mnck_harness.h"
#include "option.h"
#include "proc.h"
#include "victim.h"

#define AREA_PAGES 16

FIXTURE(two_pass)
{
	int fd;
	size_t page;
	char *area;
	/* Two subscribers to the whole area, and one to its pages 4 to 11. */
	struct subscriber subs[3];
};

/* An address in the area and a length, both counted in pages. */
#define AT(_page) (self->area + (_page) * self->page)
#define BYTES(_pages) ((_pages) * self->page)

#define ATTACH_ALL(_pid)                                                                \
	do {                                                                            \
		static const int from_[] = { 0, 0, 4 }, to_[] = { 16, 16, 12 };         \
											\
		for (size_t i_ = 0; i_ < ARRAY_SIZE(self->subs); i_++)                  \
			ASSERT_EQ(0, interval_attach(self->fd, _pid, MNCK_KIND_TWO_PASS, 0, \
						     AT(from_[i_]),                     \
						     BYTES(to_[i_] - from_[i_]),        \
						     &self->subs[i_]));                 \
	} while (0)

FIXTURE_SETUP(two_pass)
{
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	self->page = getpagesize();
	ASSERT_EQ(0, small_pages());
	self->area = mmap(NULL, BYTES(AREA_PAGES), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	ASSERT_NE(MAP_FAILED, self->area);
}

FIXTURE_TEARDOWN(two_pass)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
}

/* In the last range, which all have seen, each start came before the first end. */
#define EXPECT_TWO_PASSES()                                                             \
	do {                                                                            \
		for (size_t i_ = 0; i_ < ARRAY_SIZE(self->subs); i_++)                  \
			for (size_t j_ = 0; j_ < ARRAY_SIZE(self->subs); j_++)          \
				EXPECT_LT(stats_now(&self->subs[i_]).last_start_order,  \
					  stats_now(&self->subs[j_]).last_end_order);   \
	} while (0)

/* All subscribers start a range before the first one finishes it. */
TEST_F_TIMEOUT(two_pass, order, MNCK_TIMEOUT)
{
	ATTACH_ALL(0);
	ASSERT_EQ(0, madvise(AT(6), BYTES(2), MADV_DONTNEED));
	EXPECT_TWO_PASSES();
	ASSERT_EQ(0, munmap(AT(5), BYTES(4)));
	EXPECT_TWO_PASSES();
	for (size_t i = 0; i < ARRAY_SIZE(self->subs); i++) {
		struct mnck_stats want = saw_unmaps(MNCK_KIND_TWO_PASS, 2, AT(5), BYTES(4));

		want.events[MNCK_EVENT_UNMAP] = 1;
		want.events[MNCK_EVENT_CLEAR] = 1;
		want.bytes = BYTES(2 + 4);
		EXPECT_DETACH(&self->subs[i], want);
	}
}

/* All subscribers finish a range before the first one starts the next range of the task. */
TEST_F_TIMEOUT(two_pass, in_turn, MNCK_TIMEOUT)
{
	__u64 last_end = 0;

	ATTACH_ALL(0);
	for (__u64 i = 0; i < 100; i++) {
		ASSERT_EQ(0, madvise(AT(i % 8), BYTES(8), MADV_DONTNEED));
		EXPECT_TWO_PASSES();
		for (size_t j = 0; j < ARRAY_SIZE(self->subs); j++)
			EXPECT_LT(last_end, stats_now(&self->subs[j]).last_start_order);
		for (size_t j = 0; j < ARRAY_SIZE(self->subs); j++) {
			struct mnck_stats stats = stats_now(&self->subs[j]);

			EXPECT_EQ(i + 1, stats.ends);
			EXPECT_EQ(0, stats.open);
			if (stats.last_end_order > last_end)
				last_end = stats.last_end_order;
		}
	}
}

/* The two ranges of an exit have two passes each. */
TEST_F_TIMEOUT(two_pass, exit, MNCK_TIMEOUT)
{
	struct victim victim;

	ASSERT_EQ(0, victim_start(&victim, BYTES(AREA_PAGES)));
	self->area = VICTIM_AREA;
	ATTACH_ALL(victim.pid);
	ASSERT_EQ(SIGKILL, victim_kill(&victim));
	EXPECT_TWO_PASSES();
	for (size_t i = 0; i < ARRAY_SIZE(self->subs); i++) {
		struct mnck_stats stats = stats_now(&self->subs[i]);

		EXPECT_EQ(2, stats.starts);
		EXPECT_EQ(2, stats.ends);
		EXPECT_EQ(0, stats.open);
	}
}

#define THREADS 8
#define ROUNDS 100

struct worker {
	pthread_t thread;
	char *start;
	size_t len;
	unsigned int failed;
};

static void *dontneed_thread(void *arg)
{
	struct worker *w = arg;

	for (int i = 0; i < ROUNDS; i++)
		w->failed += !!madvise(w->start, w->len, MADV_DONTNEED);
	return NULL;
}

/*
 * No start and no end is lost when eight threads invalidate the same VMA, so that up to
 * eight ranges are open at once in each subscriber.
 */
TEST_F_TIMEOUT(two_pass, eight_threads, MNCK_TIMEOUT)
{
	struct worker workers[THREADS];
	struct mnck_stats want;

	ATTACH_ALL(0);
	for (int i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ .start = AT(4), .len = BYTES(4) };
		ASSERT_EQ(0, pthread_create(&workers[i].thread, NULL, dontneed_thread,
					    &workers[i]));
	}
	for (int i = 0; i < THREADS; i++) {
		ASSERT_EQ(0, pthread_join(workers[i].thread, NULL));
		EXPECT_EQ(0, workers[i].failed);
	}
	want = saw(MNCK_KIND_TWO_PASS, THREADS * ROUNDS, MNCK_EVENT_CLEAR, MNCK_RANGE_BLOCKABLE,
		   AT(4), BYTES(4), THREADS * ROUNDS * BYTES(4));
	for (size_t i = 0; i < ARRAY_SIZE(self->subs); i++)
		EXPECT_DETACH(&self->subs[i], want);
}

/*
 * When a mirror refuses a range, the subscriber at a lower address, which has started,
 * finishes, and the subscriber at a higher address is not called: the core calls them in
 * the order of their addresses.
 */
TEST_F_TIMEOUT(two_pass, refused_by_another, MNCK_TIMEOUT)
{
	struct subscriber low, mirror, high;
	size_t len = BYTES(AREA_PAGES);
	struct victim victim;
	struct call hold;

	ASSERT_EQ(0, victim_start(&victim, len));
	ASSERT_EQ(0, victim_trace_exit(&victim));
	self->area = VICTIM_AREA;
	ASSERT_EQ(0, interval_attach(self->fd, victim.pid, MNCK_KIND_TWO_PASS, 0, AT(0), BYTES(4),
				     &low));
	ASSERT_EQ(0, interval_attach(self->fd, victim.pid, MNCK_KIND_MIRROR, 0, AT(4), BYTES(4),
				     &mirror));
	ASSERT_EQ(0, interval_attach(self->fd, victim.pid, MNCK_KIND_TWO_PASS, 0, AT(8), BYTES(4),
				     &high));
	ASSERT_EQ(0, victim_doom(&victim));
	ASSERT_EQ(0, call_begin(&hold, call_hold, &mirror));
	WAIT_UNTIL(mirror_holds_call(&mirror));

	for (int round = 1; round <= 2; round++) {
		EXPECT_ERRNO(EAGAIN, victim_mrelease(&victim));
		EXPECT_STATS(&low, saw(MNCK_KIND_TWO_PASS, round, MNCK_EVENT_CLEAR, 0, AT(0), len,
				       round * len));
		EXPECT_STATS(&high, saw_nothing());
		EXPECT_EQ((long)len / 1024, proc_rss_anon(victim.pid));
	}
	ASSERT_EQ(0, mirror_let_go(&mirror));
	ASSERT_EQ(0, call_end(&hold));
	ASSERT_EQ(0, victim_mrelease(&victim));
	EXPECT_STATS(&low, saw(MNCK_KIND_TWO_PASS, 3, MNCK_EVENT_CLEAR, 0, AT(0), len, 3 * len));
	EXPECT_STATS(&high, saw(MNCK_KIND_TWO_PASS, 1, MNCK_EVENT_CLEAR, 0, AT(0), len, len));
	EXPECT_EQ(0, proc_rss_anon(victim.pid));
	victim_kill(&victim);
}

/* Makes the @n-th allocation from now on fail: Documentation/fault-injection. */
static int fail_nth_write(int fd, int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", n);

	return pwrite(fd, text, len, 0) == len ? 0 : -1;
}

/* Returns how many allocations are left until one fails; 0 if one has failed. */
static int fail_nth_read(int fd)
{
	char text[16] = {};

	return pread(fd, text, sizeof(text) - 1, 0) < 0 ? -1 : atoi(text);
}

/*
 * A subscriber that cannot allocate its finish structure finishes right after its start;
 * the other subscriber is not affected.  The test makes each allocation of a munmap()
 * fail once, and all of them again if one that has failed was not a finish structure but
 * one within the allocator, which the next call does not need.
 */
TEST_F_TIMEOUT(two_pass, out_of_memory, MNCK_TIMEOUT)
{
	int fail_nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	unsigned int at_once[2] = {}, rounds = 0;
	struct mnck_stats a, b;
	int left;

	REQUIRE_OPTION(has_fail_nth(), "FAULT_INJECTION");
	ASSERT_LE(0, fail_nth);
	/* Both have the same range, so the core calls them in the order of their attaches. */
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, interval_attach(self->fd, 0, MNCK_KIND_TWO_PASS, 0, AT(0),
					     BYTES(AREA_PAGES), &self->subs[i]));

	/* Each call unmaps another page. */
	for (int page = 1, nth = 1;; page++, nth++) {
		int error;

		ASSERT_GT(AREA_PAGES, page);
		ASSERT_EQ(0, fail_nth_write(fail_nth, nth));
		error = errno_of(munmap(AT(page), BYTES(1)));
		left = fail_nth_read(fail_nth);
		ASSERT_EQ(0, fail_nth_write(fail_nth, 0));
		ASSERT_LE(0, left);
		if (left && at_once[0] && at_once[1])
			break;
		if (left) {
			EXPECT_EQ(0, error);
			rounds++;
			nth = 0;
			continue;
		}

		a = stats_now(&self->subs[0]);
		b = stats_now(&self->subs[1]);
		EXPECT_STREQ("", mnck_broken(MNCK_KIND_TWO_PASS, &a));
		EXPECT_EQ(a.starts, a.ends);
		EXPECT_EQ(b.starts, b.ends);
		EXPECT_EQ(a.starts, b.starts);
		if (error) {
			EXPECT_EQ(ENOMEM, error);
			continue;
		}
		EXPECT_EQ(++rounds, a.starts);
		at_once[0] += a.last_end_order < b.last_start_order;
		at_once[1] += b.last_end_order == b.last_start_order + 1 &&
			      b.last_end_order < a.last_end_order;
	}
	TH_LOG("%u munmaps before all allocations had failed", rounds);
}

TEST_HARNESS_MAIN
