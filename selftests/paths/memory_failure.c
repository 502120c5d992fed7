// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that has gone bad: the page is unmapped, or what is in it moves to another
 * while it can still be read (soft offline): CLEAR of it, in either case.
 *
 * What has been declared bad stays so: each test loses the guest a page or two of
 * 4 KiB.  A page of hugetlb is dissolved, and but for the one that is bad all of it is
 * free again.  Nothing but HWPOISON_INJECT could take that back, and a guest does not
 * live long.
 */
#include <signal.h>

#include <linux/mman.h>

#include "huge.h"
#include "hugetlb.h"
#include "mnck_harness.h"
#include "option.h"
#include "pages.h"
#include "path.h"

#define POISON_HUGETLB "try_to_unmap_poisoned_hugetlb_one"

/* Of those that are there each test takes one. */
#define HUGETLB_KEPT 3

static volatile sig_atomic_t sigbus_count;
static void *volatile bad_address;

/* The kernel tells who has the page as soon as it is gone. */
static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	bad_address = info->si_addr;
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

	self->path.fd = -1;
	self->file = -1;
	self->page = getpagesize();
	self->huge = huge_size();
	self->hugetlb = hugetlb_size();
	REQUIRE_OPTION(has_memory_failure(), "MEMORY_FAILURE");
	REQUIRE_OPTION(has_thp(), "TRANSPARENT_HUGEPAGE");
	ASSERT_NE(0, self->huge);
	ASSERT_EQ(0, setting_change(&self->settings, THP "enabled", "never"));
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

#define EXPECT_SIGBUS(_page)                                    \
	do {                                                    \
		EXPECT_EQ(1, sigbus_count);                     \
		EXPECT_EQ(_page, (char *)bad_address);          \
	} while (0)

/* Who dies of it, if he does not catch the signal, is told first. */
TEST_F_TIMEOUT(memory_failure, anonymous, MNCK_TIMEOUT)
{
	char *bad = PATH_AREA + self->page;

	ASSERT_EQ(0, map_pages(PATH_AREA, 3 * self->page));
	WAIT_UNTIL(pages_on_lru(PATH_AREA, 3 * self->page));
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, madvise(bad, self->page, MADV_HWPOISON)) TH_LOG("%m");
	EXPECT_SIGBUS(bad);
	EXPECT_FALSE(page_entry(bad) & PAGEMAP_PRESENT);
	EXPECT_RANGES(&self->path, RANGE(CLEAR, bad, self->page, BY_UNMAP_PAGE));
	/* The hole that it leaves is not told again, but as all that is unmapped. */
	ASSERT_EQ(0, munmap(bad, self->page));
	EXPECT_RANGES(&self->path, RANGE(UNMAP, bad, self->page, BY_UNMAP));
}

/* A page of a file, from all its mappings. */
TEST_F_TIMEOUT(memory_failure, file, MNCK_TIMEOUT)
{
	char *second = PATH_AREA + 16 * self->page;

	self->file = memfd_create("bad", MFD_CLOEXEC);
	ASSERT_LE(0, self->file);
	ASSERT_EQ(0, ftruncate(self->file, self->page));
	ASSERT_EQ(PATH_AREA, mmap(PATH_AREA, self->page, PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_FIXED_NOREPLACE, self->file, 0));
	ASSERT_EQ(second, mmap(second, self->page, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_FIXED_NOREPLACE, self->file, 0));
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

/* Of a huge page one small one is lost, and for that it is split first. */
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

/* One of hugetlb is lost as a whole. */
TEST_F_TIMEOUT(memory_failure, hugetlb, MNCK_TIMEOUT)
{
	char *bad = PATH_AREA + self->hugetlb;

	REQUIRE_OPTION(has_hugetlb(), "HUGETLBFS");
	ASSERT_EQ(0, hugetlb_keep(&self->settings, HUGETLB_KEPT)) TH_LOG("%m");
	ASSERT_EQ(0, hugetlb_map(PATH_AREA, 2 * self->hugetlb));
	memset(PATH_AREA, 1, 2 * self->hugetlb);
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, madvise(bad, self->hugetlb, MADV_HWPOISON)) TH_LOG("%m");
	EXPECT_SIGBUS(bad);
	EXPECT_FALSE(page_entry(bad) & PAGEMAP_PRESENT);
	EXPECT_TRUE(page_entry(PATH_AREA) & PAGEMAP_PRESENT);
	EXPECT_RANGES(&self->path, RANGE(CLEAR, bad, self->hugetlb, POISON_HUGETLB));
}

/* What is in it moves, and nobody is sent a signal. */
TEST_F_TIMEOUT(memory_failure, soft_offline, MNCK_TIMEOUT)
{
	char *bad = PATH_AREA + self->page;
	__u64 frame;

	ASSERT_EQ(0, map_pages(PATH_AREA, 3 * self->page));
	WAIT_UNTIL(pages_on_lru(PATH_AREA, 3 * self->page));
	frame = page_frame(bad);
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, madvise(bad, self->page, MADV_SOFT_OFFLINE)) TH_LOG("%m");
	EXPECT_EQ(0x5a, *(volatile char *)bad);
	EXPECT_NE(frame, page_frame(bad));
	EXPECT_EQ(0, sigbus_count);
	EXPECT_RANGES(&self->path, RANGE(CLEAR, bad, self->page, BY_MIGRATE_PAGE));
}

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

TEST_F_TIMEOUT(memory_failure, soft_offline_hugetlb, MNCK_TIMEOUT)
{
	char *bad = PATH_AREA + self->hugetlb;
	__u64 frame;

	REQUIRE_OPTION(has_hugetlb(), "HUGETLBFS");
	ASSERT_EQ(0, hugetlb_keep(&self->settings, HUGETLB_KEPT)) TH_LOG("%m");
	ASSERT_EQ(0, hugetlb_map(PATH_AREA, 2 * self->hugetlb));
	memset(PATH_AREA, 1, 2 * self->hugetlb);
	frame = page_frame(bad);
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, madvise(bad, self->hugetlb, MADV_SOFT_OFFLINE)) TH_LOG("%m");
	EXPECT_EQ(1, *(volatile char *)bad);
	EXPECT_NE(frame, page_frame(bad));
	EXPECT_EQ(0, sigbus_count);
	EXPECT_RANGES(&self->path, RANGE(CLEAR, bad, self->hugetlb, BY_MIGRATE_PAGE));
}

TEST_HARNESS_MAIN
