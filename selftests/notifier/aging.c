// SPDX-License-Identifier: GPL-2.0
/*
 * Which pages a device has used: asked by idle page tracking (clear_young) and
 * by DAMON (clear_young and test_young), one page at a time.  Reclaim, which
 * asks by clear_flush_young, has a file of its own: reclaim.c.
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
	/* Pages that the CPU does not use any more. */
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

/* Asked @_n times in all, @_young times of them was it yes, the last time about @_page. */
#define EXPECT_ASKED(_n, _young, _page)                                           \
	do {                                                                      \
		struct mnck_stats asked_ = {                                       \
			.clear_young = _n,                                        \
			.young = _young,                                          \
			.last_young_start = (unsigned long)(_page),               \
			.last_young_end = (unsigned long)(_page) + self->page,    \
		};                                                                \
										  \
		EXPECT_STATS(&self->aging, asked_);                                \
	} while (0)

/* A page is young until it has been said so. */
TEST_F_TIMEOUT(aging, touched, MNCK_TIMEOUT)
{
	char *used = self->area + self->page;

	ASSERT_EQ(0, mnck_touch(&self->aging, used, self->page));
	EXPECT_STATS(&self->aging, saw_nothing());

	ASSERT_EQ(0, set_idle(self->bitmap, used));
	EXPECT_ASKED(1, 1, used);
	ASSERT_EQ(0, set_idle(self->bitmap, used));
	EXPECT_ASKED(2, 1, used);

	/* However often it is used, until it is used again. */
	ASSERT_EQ(0, mnck_touch(&self->aging, used, self->page));
	ASSERT_EQ(0, mnck_touch(&self->aging, used, self->page));
	ASSERT_EQ(0, set_idle(self->bitmap, used));
	EXPECT_ASKED(3, 2, used);
	ASSERT_EQ(0, set_idle(self->bitmap, used));
	EXPECT_ASKED(4, 2, used);
}

/* Each page by itself. */
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
	/* Who has no such callback is not asked, and who is asked is told of no range. */
	EXPECT_STATS(&self->counter, saw_nothing());
}

/*
 * What it is good for: a page that the device uses is not idle.  Of which pages
 * it is asked is not to be said here: who reads one bit reads 64.
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

/* It is young for each of its subscribers by itself, and all of them are asked. */
TEST_F_TIMEOUT(aging, two_devices, MNCK_TIMEOUT)
{
	/* And it is all the same how they are attached. */
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

/* A page that the process gives away is nobody's any more. */
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

/* The last was about this page, whether it was aligned or not. */
#define EXPECT_THIS_PAGE(_stats)                                                  \
	do {                                                                      \
		unsigned long page_ = (unsigned long)self->area + self->page;     \
										  \
		EXPECT_LE(page_, (_stats)->last_young_start);                     \
		EXPECT_GT(page_ + self->page, (_stats)->last_young_start);        \
		EXPECT_EQ(self->page, (_stats)->last_young_end - (_stats)->last_young_start); \
	} while (0)

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
 * Clear_young is asked for this page and no other.  Up to Linux 7.3 DAMON does
 * not align the address that it has chosen in the page, and asks for a page's
 * length from there (damon_ptep_mkold()): the next page is made old as well, and
 * if that was young it is taken for this one.
 *
 * What is seen here of a test is always aligned, so that only a clear tells, and
 * after each the next test may be as fast as this one is to look.  Hence the
 * rounds.
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
 * DAMON clears, waits, and then tests, in turn.  A page that is used in between
 * is young when it is tested, and so it is when it is cleared next: two times
 * yes, since the test leaves it young.  One that is used between the test and
 * the next clear is young once.  Which of the two it was the test can't choose,
 * but the first must come.
 */
TEST_F_TIMEOUT(damon, touched, MNCK_TIMEOUT)
{
	struct mnck_stats before, after;
	bool one_round;

	do {
		__u64 n = clear_young(&self->aging);

		/* Right behind a clear, that the wait is still to come. */
		WAIT_UNTIL(clear_young(&self->aging) > n);
		ASSERT_EQ(0, mnck_stats(&self->aging, &before));
		ASSERT_EQ(0, mnck_touch(&self->aging, self->area + self->page, self->page));
		WAIT_UNTIL(clear_young(&self->aging) > before.clear_young);
		ASSERT_EQ(0, mnck_stats(&self->aging, &after));
		/* If it took this long to touch and to look, then once more. */
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
