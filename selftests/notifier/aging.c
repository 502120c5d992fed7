// SPDX-License-Identifier: GPL-2.0
/*
 * Proves that the core asks subscribers which pages a device has used: idle page
 * tracking by clear_young, DAMON by clear_young and test_young, each about one
 * page at a time.  reclaim.c tests reclaim, which asks by clear_flush_young.
 */
#include <stdint.h>

#include "damon.h"
#include "mnck_harness.h"
#include "option.h"
#include "pages.h"
#include "proc.h"

#define AREA_PAGES 4

FIXTURE(aging)
{
	int fd;
	int bitmap;
	size_t page;
	size_t len;
	/* The CPU does not access these pages after the setup. */
	char *area;
	struct subscriber aging;
	struct subscriber counter;
};

FIXTURE_SETUP(aging)
{
	self->fd = -1;
	self->page = getpagesize();
	self->len = AREA_PAGES * self->page;
	REQUIRE_OPTION(has_idle_page_tracking(), "IDLE_PAGE_TRACKING");
	self->bitmap = idle_open();
	ASSERT_LE(0, self->bitmap);
	ASSERT_EQ(0, small_pages());
	self->area = mmap(NULL, self->len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	ASSERT_NE(MAP_FAILED, self->area);
	memset(self->area, 1, self->len);
	ASSERT_EQ(0, own_pages());
	WAIT_UNTIL(pages_on_lru(self->area, self->len));

	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_AGING, &self->aging));
	ASSERT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_COUNTER, &self->counter));
}

FIXTURE_TEARDOWN(aging)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	close(self->bitmap);
}

/*
 * The subscriber was asked @_n times so far, the last time about @_page, and has
 * answered @_young times that the page was young.
 */
#define EXPECT_ASKED(_n, _young, _page)                                           \
	do {                                                                      \
		struct mnck_stats asked_ = {                                      \
			.clear_young = _n,                                        \
			.young = _young,                                          \
			.last_young_start = (unsigned long)(_page),               \
			.last_young_end = (unsigned long)(_page) + self->page,    \
		};                                                                \
										  \
		EXPECT_STATS(&self->aging, asked_);                               \
	} while (0)

/* A page that was used is young once: the answer clears that. */
TEST_F_TIMEOUT(aging, touched, MNCK_TIMEOUT)
{
	char *used = self->area + self->page;

	ASSERT_EQ(0, mnck_touch(&self->aging, used, self->page));
	EXPECT_STATS(&self->aging, saw_nothing());

	ASSERT_EQ(0, set_idle(self->bitmap, used));
	EXPECT_ASKED(1, 1, used);
	ASSERT_EQ(0, set_idle(self->bitmap, used));
	EXPECT_ASKED(2, 1, used);

	/* A page that was used twice is young once as well. */
	ASSERT_EQ(0, mnck_touch(&self->aging, used, self->page));
	ASSERT_EQ(0, mnck_touch(&self->aging, used, self->page));
	ASSERT_EQ(0, set_idle(self->bitmap, used));
	EXPECT_ASKED(3, 2, used);
	ASSERT_EQ(0, set_idle(self->bitmap, used));
	EXPECT_ASKED(4, 2, used);
}

/* Using a page makes no other page young. */
TEST_F_TIMEOUT(aging, neighbours, MNCK_TIMEOUT)
{
	char *used = self->area + self->page;

	ASSERT_EQ(0, mnck_touch(&self->aging, used, 2 * self->page));
	ASSERT_EQ(0, set_idle(self->bitmap, used - self->page));
	EXPECT_ASKED(1, 0, used - self->page);
	ASSERT_EQ(0, set_idle(self->bitmap, used + 2 * self->page));
	EXPECT_ASKED(2, 0, used + 2 * self->page);
	ASSERT_EQ(0, set_idle(self->bitmap, used + self->page));
	EXPECT_ASKED(3, 1, used + self->page);
	ASSERT_EQ(0, set_idle(self->bitmap, used));
	EXPECT_ASKED(4, 2, used);
	/* The counter has no callback about young pages, and a question about one is no range. */
	EXPECT_STATS(&self->counter, saw_nothing());
}

/*
 * A page that the device has used is not idle for idle page tracking.  The test
 * does not check which pages the subscriber is asked about: the bitmap is read
 * in words of 64 bits, one bit a page.
 */
TEST_F_TIMEOUT(aging, not_idle, MNCK_TIMEOUT)
{
	char *used = self->area, *unused = self->area + self->page;
	struct mnck_stats stats;

	ASSERT_EQ(0, set_idle(self->bitmap, used));
	ASSERT_EQ(0, set_idle(self->bitmap, unused));
	ASSERT_EQ(0, mnck_touch(&self->aging, used, self->page));

	EXPECT_TRUE(is_idle(self->bitmap, unused));
	EXPECT_FALSE(is_idle(self->bitmap, used));
	ASSERT_EQ(0, mnck_stats(&self->aging, &stats));
	EXPECT_EQ(1, stats.young);
}

/* All subscribers of an mm are asked, and a page is young if it is for any of them. */
TEST_F_TIMEOUT(aging, two_devices, MNCK_TIMEOUT)
{
	/* The second one is attached with the mmap lock held, which makes no difference. */
	struct mnck_attach how = { .kind = MNCK_KIND_AGING, .flags = MNCK_ATTACH_LOCKED };
	struct subscriber first = self->aging;
	char *used = self->area;

	ASSERT_EQ(0, mnck_attach_how(self->fd, how, &self->aging));
	ASSERT_EQ(0, mnck_touch(&first, used, self->page));
	ASSERT_EQ(0, set_idle(self->bitmap, used));
	EXPECT_ASKED(1, 0, used);
	self->aging = first;
	EXPECT_ASKED(1, 1, used);
}

/* The subscriber is not asked about a page that the process has unmapped. */
TEST_F_TIMEOUT(aging, unmapped, MNCK_TIMEOUT)
{
	__u64 word = idle_bit(self->area);
	off_t offset = idle_offset(self->area);

	ASSERT_EQ(0, mnck_touch(&self->aging, self->area, self->page));
	ASSERT_EQ(0, munmap(self->area, self->page));
	ASSERT_EQ((ssize_t)sizeof(word), pwrite(self->bitmap, &word, sizeof(word), offset));
	EXPECT_STATS(&self->aging, saw_nothing());
	EXPECT_DETACH(&self->aging, saw_nothing());
}

FIXTURE(damon)
{
	int fd;
	size_t page;
	char *area;
	struct subscriber aging;
};

FIXTURE_SETUP(damon)
{
	const char *refused;

	REQUIRE_OPTION(has_damon(), "DAMON_SYSFS");
	self->fd = -1;
	self->page = getpagesize();
	ASSERT_EQ(0, small_pages());
	self->area = mmap(NULL, 3 * self->page, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->area);
	memset(self->area, 1, 3 * self->page);
	ASSERT_EQ(0, own_pages());
	WAIT_UNTIL(pages_on_lru(self->area, 3 * self->page));
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_AGING, &self->aging));
	refused = damon_start(self->area + self->page, self->page);
	ASSERT_EQ(NULL, refused) TH_LOG(DAMON_NEEDS, refused);
}

FIXTURE_TEARDOWN(damon)
{
	damon_stop();
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
}

static __u64 test_young(const struct subscriber *sub)
{
	struct mnck_stats stats;

	return mnck_stats(sub, &stats) ? 0 : stats.test_young;
}

static __u64 clear_young(const struct subscriber *sub)
{
	struct mnck_stats stats;

	return mnck_stats(sub, &stats) ? 0 : stats.clear_young;
}

/* The last callback was about the second page, perhaps at an unaligned address. */
#define EXPECT_THIS_PAGE(_stats)                                                  \
	do {                                                                      \
		unsigned long page_ = (unsigned long)self->area + self->page;     \
										  \
		EXPECT_LE(page_, (_stats)->last_young_start);                     \
		EXPECT_GT(page_ + self->page, (_stats)->last_young_start);        \
		EXPECT_EQ(self->page, (_stats)->last_young_end - (_stats)->last_young_start); \
	} while (0)

/* DAMON asks about a page that the device has not used, and is told that it is old. */
TEST_F_TIMEOUT(damon, untouched, MNCK_TIMEOUT)
{
	struct mnck_stats stats;

	WAIT_UNTIL(test_young(&self->aging) >= 3);
	ASSERT_EQ(0, mnck_stats(&self->aging, &stats));
	EXPECT_EQ(0, stats.young);
	EXPECT_LE(stats.test_young, stats.clear_young);
	EXPECT_EQ(0, stats.clear_flush_young);
	EXPECT_EQ(0, stats.starts);
	EXPECT_THIS_PAGE(&stats);
}

/*
 * DAMON calls clear_young for the page and for no other one.  Up to Linux 7.3 DAMON
 * does not align the address that it has chosen in the page, and asks about a page's
 * length from there (damon_ptep_mkold()).  So the next page is made old as well, and
 * DAMON takes this page for young if the next one was.
 *
 * mnck aligns the address of a test_young, so only a clear_young can show the bug.
 * The next test_young may come before the test has read the statistics of the
 * clear_young; hence the test tries several rounds.
 */
TEST_F_TIMEOUT(damon, aligned, MNCK_TIMEOUT)
{
	struct mnck_stats stats;

	for (__u64 round = 1; round <= 5; round++) {
		WAIT_UNTIL(clear_young(&self->aging) >= round);
		ASSERT_EQ(0, mnck_stats(&self->aging, &stats));
		EXPECT_THIS_PAGE(&stats);
		if (stats.last_young_start % self->page)
			XFAIL(return, "DAMON asks for %#llx-%#llx, which is not a page",
			      stats.last_young_start, stats.last_young_end);
	}
}

/*
 * DAMON calls clear_young, waits, calls test_young, and begins again.  A page that is
 * used before the test_young is young twice: the test_young leaves it young for the
 * next clear_young.  A page that is used after the test_young is young once.  The test
 * cannot choose which of the two happens, and repeats until the first has.
 */
TEST_F_TIMEOUT(damon, touched, MNCK_TIMEOUT)
{
	struct mnck_stats before, after;
	bool one_round;

	do {
		__u64 n = clear_young(&self->aging);

		/* Right after a clear_young, when DAMON's wait has just begun. */
		WAIT_UNTIL(clear_young(&self->aging) > n);
		ASSERT_EQ(0, mnck_stats(&self->aging, &before));
		ASSERT_EQ(0, mnck_touch(&self->aging, self->area + self->page, self->page));
		WAIT_UNTIL(clear_young(&self->aging) > before.clear_young);
		ASSERT_EQ(0, mnck_stats(&self->aging, &after));
		/* Repeat if DAMON has made more than one round meanwhile. */
		one_round = after.clear_young == before.clear_young + 1 &&
			    after.test_young == before.test_young + 1;
		if (one_round) {
			EXPECT_LE(before.young + 1, after.young);
			EXPECT_GE(before.young + 2, after.young);
		}
	} while (!one_round || after.young != before.young + 2);
	EXPECT_THIS_PAGE(&after);
}

TEST_HARNESS_MAIN
