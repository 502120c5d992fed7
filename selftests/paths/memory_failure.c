// SPDX-License-Identifier: GPL-2.0
/*
 * Drives try_to_unmap_one() and try_to_unmap_poisoned_hugetlb_one(), by MADV_HWPOISON, and
 * try_to_migrate_one(), by MADV_SOFT_OFFLINE.
 *
 * A subscriber must see a CLEAR range of a page that has gone bad and is unmapped
 * (MADV_HWPOISON), or that can still be read and whose contents move to another page
 * (MADV_SOFT_OFFLINE).
 *
 * A bad page stays bad: each test costs the guest a page or two of 4 KiB.  The kernel
 * dissolves a page of hugetlb, and frees all of it but the 4 KiB.  Only the debugfs files of
 * CONFIG_HWPOISON_INJECT could take that back, and a guest does not live long.
 */
#include <signal.h>

#include <linux/mman.h>

#include "huge.h"
#include "hugetlb.h"
#include "mnck_harness.h"
#include "option.h"
#include "pages.h"
#include "path.h"

#define BY_POISON_HUGETLB "try_to_unmap_poisoned_hugetlb_one"

/* The pages of hugetlb: two are mapped, and one of those goes bad. */
#define HUGETLB_KEPT 3

static volatile sig_atomic_t sigbus_count;
static void *volatile sigbus_address;

/* The kernel sends SIGBUS to the process as soon as its page is unmapped. */
static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	sigbus_address = info->si_addr;
	sigbus_count++;
}

FIXTURE(memory_failure)
{
	struct path path;
	struct settings settings;
	size_t page;
	size_t huge;
	size_t hugetlb;
	int file;
};

FIXTURE_SETUP(memory_failure)
{
	struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };

	REQUIRE_OPTION(has_memory_failure(), "MEMORY_FAILURE");
	REQUIRE_OPTION(has_thp(), "TRANSPARENT_HUGEPAGE");
	self->file = -1;
	self->page = getpagesize();
	self->hugetlb = hugetlb_size();
	self->huge = huge_on_request(&self->settings);
	ASSERT_NE(0, self->huge);
	ASSERT_EQ(0, sigaction(SIGBUS, &action, NULL));
}

FIXTURE_TEARDOWN(memory_failure)
{
	EXPECT_STREQ("", path_close(&self->path));
	munmap(PATH_AREA, PATH_AREA_SIZE);
	if (self->file >= 0)
		close(self->file);
	EXPECT_EQ(0, settings_restore(&self->settings));
}

/* Maps two pages of hugetlb, and writes to both. */
#define MAP_HUGETLB_PAGES()                                     \
	do {                                                    \
		REQUIRE_OPTION(has_hugetlb(), "HUGETLBFS");     \
		ASSERT_EQ(0, hugetlb_keep(&self->settings, HUGETLB_KEPT)) TH_LOG("%m"); \
		ASSERT_EQ(0, hugetlb_map_touched(PATH_AREA, 2 * self->hugetlb)); \
	} while (0)

/* Maps three small pages, and waits until they are on the LRU. */
#define MAP_SMALL_PAGES()                                       \
	do {                                                    \
		ASSERT_EQ(0, map_pages(PATH_AREA, 3 * self->page)); \
		WAIT_UNTIL(pages_on_lru(PATH_AREA, 3 * self->page)); \
	} while (0)

#define EXPECT_SIGBUS(_page)                                    \
	do {                                                    \
		EXPECT_EQ(1, sigbus_count);                     \
		EXPECT_EQ(_page, (char *)sigbus_address);       \
	} while (0)

/*
 * A bad page has a range before the process gets SIGBUS.  A later munmap() of the hole has
 * an UNMAP range, like any munmap().
 */
TEST_F_TIMEOUT(memory_failure, anonymous, MNCK_TIMEOUT)
{
	char *bad = PATH_AREA + self->page;

	MAP_SMALL_PAGES();
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, madvise(bad, self->page, MADV_HWPOISON)) TH_LOG("%m");
	EXPECT_SIGBUS(bad);
	EXPECT_FALSE(page_entry(bad) & PAGEMAP_PRESENT);
	EXPECT_RANGES(&self->path, RANGE(CLEAR, bad, self->page, BY_UNMAP_PAGE));
	ASSERT_EQ(0, munmap(bad, self->page));
	EXPECT_RANGES(&self->path, RANGE(UNMAP, bad, self->page, BY_UNMAP));
}

/* A bad page of a file has a range in each of its mappings. */
TEST_F_TIMEOUT(memory_failure, file, MNCK_TIMEOUT)
{
	char *second = PATH_AREA + 16 * self->page;

	self->file = map_memfd(PATH_AREA, self->page);
	ASSERT_LE(0, self->file);
	ASSERT_EQ(0, map_file(second, self->page, MAP_SHARED, self->file));
	PATH_AREA[0] = 1;
	second[0] = 1;
	WAIT_UNTIL(pages_on_lru(PATH_AREA, self->page));
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, madvise(PATH_AREA, self->page, MADV_HWPOISON)) TH_LOG("%m");
	EXPECT_LE(1, sigbus_count);
	EXPECT_FALSE(page_entry(PATH_AREA) & PAGEMAP_PRESENT);
	EXPECT_FALSE(page_entry(second) & PAGEMAP_PRESENT);
	EXPECT_RANGES_UNORDERED(&self->path, RANGE(CLEAR, PATH_AREA, self->page, BY_UNMAP_PAGE),
				RANGE(CLEAR, second, self->page, BY_UNMAP_PAGE));
}

/*
 * A huge page is split, and loses one small page.  try_to_migrate_one() begins the range of
 * the split, and then try_to_unmap_one() that of the small page.
 */
TEST_F_TIMEOUT(memory_failure, huge, MNCK_TIMEOUT)
{
	char *bad = PATH_AREA + 3 * self->page;

	ASSERT_EQ(0, huge_map(PATH_AREA, self->huge));
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, madvise(bad, self->page, MADV_HWPOISON)) TH_LOG("%m");
	EXPECT_SIGBUS(bad);
	EXPECT_TRUE(page_entry(bad + self->page) & PAGEMAP_PRESENT);
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA, self->huge, BY_MIGRATE_PAGE),
		      RANGE(CLEAR, bad, self->page, BY_UNMAP_PAGE));
}

/* A page of hugetlb is lost as a whole. */
TEST_F_TIMEOUT(memory_failure, hugetlb, MNCK_TIMEOUT)
{
	char *bad = PATH_AREA + self->hugetlb;

	MAP_HUGETLB_PAGES();
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, madvise(bad, self->hugetlb, MADV_HWPOISON)) TH_LOG("%m");
	EXPECT_SIGBUS(bad);
	EXPECT_FALSE(page_entry(bad) & PAGEMAP_PRESENT);
	EXPECT_TRUE(page_entry(PATH_AREA) & PAGEMAP_PRESENT);
	EXPECT_RANGES(&self->path, RANGE(CLEAR, bad, self->hugetlb, BY_POISON_HUGETLB));
}

/* The contents move to another page, which begins a range, and no signal is sent. */
TEST_F_TIMEOUT(memory_failure, soft_offline, MNCK_TIMEOUT)
{
	char *bad = PATH_AREA + self->page;
	__u64 frame;

	MAP_SMALL_PAGES();
	frame = page_frame(bad);
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, madvise(bad, self->page, MADV_SOFT_OFFLINE)) TH_LOG("%m");
	EXPECT_EQ(0x5a, *(volatile char *)bad);
	EXPECT_NE(frame, page_frame(bad));
	EXPECT_EQ(0, sigbus_count);
	EXPECT_RANGES(&self->path, RANGE(CLEAR, bad, self->page, BY_MIGRATE_PAGE));
}

/* A huge page is split, and then one small page moves. */
TEST_F_TIMEOUT(memory_failure, soft_offline_huge, MNCK_TIMEOUT)
{
	char *bad = PATH_AREA + 3 * self->page;

	ASSERT_EQ(0, huge_map(PATH_AREA, self->huge));
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, madvise(bad, self->page, MADV_SOFT_OFFLINE)) TH_LOG("%m");
	EXPECT_EQ(0x5a, *(volatile char *)bad);
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA, self->huge, BY_MIGRATE_PAGE),
		      RANGE(CLEAR, bad, self->page, BY_MIGRATE_PAGE));
}

/* A page of hugetlb moves as a whole. */
TEST_F_TIMEOUT(memory_failure, soft_offline_hugetlb, MNCK_TIMEOUT)
{
	char *bad = PATH_AREA + self->hugetlb;
	__u64 frame;

	MAP_HUGETLB_PAGES();
	frame = page_frame(bad);
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, madvise(bad, self->hugetlb, MADV_SOFT_OFFLINE)) TH_LOG("%m");
	EXPECT_EQ(1, *(volatile char *)bad);
	EXPECT_NE(frame, page_frame(bad));
	EXPECT_EQ(0, sigbus_count);
	EXPECT_RANGES(&self->path, RANGE(CLEAR, bad, self->hugetlb, BY_MIGRATE_PAGE));
}

TEST_HARNESS_MAIN
