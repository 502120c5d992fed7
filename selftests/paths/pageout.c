// SPDX-License-Identifier: GPL-2.0
/*
 * Reclaim: a page that goes to swap is unmapped, CLEAR of it, by who wants the memory,
 * not by who has it; and what goes nowhere is told to nobody.
 *
 * In which order pages go is for the kernel to say.
 */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "file.h"
#include "huge.h"
#include "mnck_harness.h"
#include "option.h"
#include "pages.h"
#include "path.h"
#include "settings.h"
#include "swap.h"

#define CGROUPS "/sys/fs/cgroup/"
#define CGROUP CGROUPS "mnck"

FIXTURE(pageout)
{
	struct path path;
	struct settings settings;
	size_t page;
	size_t huge;
	bool swaps;
	bool in_cgroup;
	int file;
};

FIXTURE_SETUP(pageout)
{
	self->path.fd = -1;
	self->file = -1;
	self->page = getpagesize();
	self->huge = huge_size();
	REQUIRE_OPTION(has_thp(), "TRANSPARENT_HUGEPAGE");
	ASSERT_NE(0, self->huge);
	ASSERT_EQ(0, setting_change(&self->settings, THP "enabled", "never"));
}

FIXTURE_TEARDOWN(pageout)
{
	EXPECT_STREQ("", path_close(&self->path));
	if (self->file >= 0)
		close(self->file);
	if (self->in_cgroup) {
		EXPECT_EQ(0, file_write(CGROUPS "cgroup.procs", "0"));
		EXPECT_EQ(0, rmdir(CGROUP));
	}
	if (self->swaps)
		EXPECT_EQ(0, swapoff(SWAP_DEVICE));
	EXPECT_EQ(0, settings_restore(&self->settings));
}

#define SWAP_ON()                                               \
	do {                                                    \
		REQUIRE_OPTION(has_swap(), "SWAP");             \
		REQUIRE_OPTION(has_ram_disk(), "BLK_DEV_RAM");  \
		ASSERT_EQ(0, swap_make(SWAP_DEVICE)) TH_LOG(SWAP_DEVICE ": %m"); \
		ASSERT_EQ(0, swapon(SWAP_DEVICE, 0)) TH_LOG("swapon: %m"); \
		self->swaps = true;                             \
	} while (0)

/* Memory whose pages reclaim finds: what MADV_PAGEOUT does not find it leaves. */
#define MAP_ON_LRU(_pages)                                      \
	do {                                                    \
		ASSERT_EQ(0, map_pages(PATH_AREA, (_pages) * self->page)); \
		WAIT_UNTIL(pages_on_lru(PATH_AREA, (_pages) * self->page)); \
	} while (0)

static bool swapped(const char *page)
{
	return page_entry(page) & PAGEMAP_SWAPPED;
}

/* Each page of those that were asked for; that it comes back is nobody's business. */
TEST_F_TIMEOUT(pageout, madvise, MNCK_TIMEOUT)
{
	char *second = PATH_AREA + self->page;

	SWAP_ON();
	MAP_ON_LRU(4);
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, madvise(second, 2 * self->page, MADV_PAGEOUT));
	EXPECT_TRUE(swapped(second));
	EXPECT_RANGES_UNORDERED(&self->path, RANGE(CLEAR, second, self->page, BY_UNMAP_PAGE),
				RANGE(CLEAR, second + self->page, self->page, BY_UNMAP_PAGE));
	EXPECT_EQ(0x5a, *(volatile char *)second);
	second[self->page] = 1;
	EXPECT_NO_RANGES(&self->path);
}

/* A page of a file goes as well, and nobody else has it mapped. */
TEST_F_TIMEOUT(pageout, shared, MNCK_TIMEOUT)
{
	SWAP_ON();
	self->file = memfd_create("pageout", MFD_CLOEXEC);
	ASSERT_LE(0, self->file);
	ASSERT_EQ(0, ftruncate(self->file, 2 * self->page));
	ASSERT_EQ(PATH_AREA, mmap(PATH_AREA, 2 * self->page, PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_FIXED_NOREPLACE, self->file, 0));
	memset(PATH_AREA, 1, 2 * self->page);
	WAIT_UNTIL(pages_on_lru(PATH_AREA, 2 * self->page));
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, madvise(PATH_AREA, self->page, MADV_PAGEOUT));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA, self->page, BY_UNMAP_PAGE));
}

/* What a child has too is not for its parent to send away. */
TEST_F_TIMEOUT(pageout, forked, MNCK_TIMEOUT)
{
	pid_t child;

	SWAP_ON();
	MAP_ON_LRU(2);
	child = child_start();
	ASSERT_LT(0, child);
	PATH_ATTACH(&self->path);
	EXPECT_EQ(0, madvise(PATH_AREA, 2 * self->page, MADV_PAGEOUT));
	EXPECT_FALSE(swapped(PATH_AREA));
	EXPECT_NO_RANGES(&self->path);
	ASSERT_EQ(0, child_kill(&child));
}

/* Nowhere to go. */
TEST_F_TIMEOUT(pageout, no_swap, MNCK_TIMEOUT)
{
	MAP_ON_LRU(2);
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, madvise(PATH_AREA, 2 * self->page, MADV_PAGEOUT));
	EXPECT_NO_RANGES(&self->path);
}

/* Cold pages go first, but not now. */
TEST_F_TIMEOUT(pageout, cold, MNCK_TIMEOUT)
{
	SWAP_ON();
	MAP_ON_LRU(2);
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, madvise(PATH_AREA, 2 * self->page, MADV_COLD));
	EXPECT_NO_RANGES(&self->path);
}

/* Of what is free to be thrown away nothing is kept, so that it needs no swap. */
TEST_F_TIMEOUT(pageout, freed, MNCK_TIMEOUT)
{
	MAP_ON_LRU(2);
	ASSERT_EQ(0, madvise(PATH_AREA, self->page, MADV_FREE));
	WAIT_UNTIL(pages_on_lru(PATH_AREA, 2 * self->page));
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, madvise(PATH_AREA, 2 * self->page, MADV_PAGEOUT));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA, self->page, BY_UNMAP_PAGE));
	EXPECT_EQ(0, *(volatile char *)PATH_AREA);
}

/*
 * A part of a huge page: all of it is split, which is not by way of its PMD alone but
 * as a migration is, and then that part goes.  MADV_COLD splits it too.
 */
TEST_F_TIMEOUT(pageout, part_of_huge, MNCK_TIMEOUT)
{
	char *part = PATH_AREA + 3 * self->page, *second = PATH_AREA + self->huge;

	SWAP_ON();
	ASSERT_EQ(0, huge_map(PATH_AREA, 2 * self->huge));
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, madvise(part, 2 * self->page, MADV_PAGEOUT));
	ASSERT_TRUE(swapped(part));
	EXPECT_RANGES_UNORDERED(&self->path,
				RANGE(CLEAR, PATH_AREA, self->huge, BY_MIGRATE_PAGE),
				RANGE(CLEAR, part, self->page, BY_UNMAP_PAGE),
				RANGE(CLEAR, part + self->page, self->page, BY_UNMAP_PAGE));
	ASSERT_EQ(0, madvise(second, self->page, MADV_COLD));
	ASSERT_FALSE(huge_mapped(second, self->huge));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, second, self->huge, BY_MIGRATE_PAGE));
}

/*
 * A huge page goes as a whole, or in parts, which need a split first: what is told first
 * is all of it, by whom is not to be said, and what comes then is in it.
 */
TEST_F_TIMEOUT(pageout, huge, MNCK_TIMEOUT)
{
	struct wanted_range whole = RANGE(CLEAR, PATH_AREA, self->huge,
					  BY_MIGRATE_PAGE " " BY_UNMAP_PAGE);

	SWAP_ON();
	ASSERT_EQ(0, huge_map(PATH_AREA, self->huge));
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, madvise(PATH_AREA, self->huge, MADV_PAGEOUT));
	ASSERT_TRUE(swapped(PATH_AREA));
	path_collect(&self->path);
	ASSERT_LE(1, self->path.subs[0].n);
	EXPECT_TRUE(range_matches(self->path.subs[0].ranges, &whole));
	EXPECT_TRUE(rest_is_clear_within(&self->path, 1, PATH_AREA, self->huge, BY_UNMAP_PAGE));
}

/*
 * A huge page for which there is no swap is split, to be swapped in parts, before it
 * turns out that there is no swap for these either: small ones would have heard nothing.
 */
TEST_F_TIMEOUT(pageout, huge_no_swap, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, huge_map(PATH_AREA, self->huge));
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, madvise(PATH_AREA, self->huge, MADV_PAGEOUT));
	EXPECT_FALSE(swapped(PATH_AREA));
	EXPECT_FALSE(huge_mapped(PATH_AREA, self->huge));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA, self->huge, BY_MIGRATE_PAGE));
}

static bool reclaimed(const char *start, size_t pages)
{
	size_t page = getpagesize();

	/* Whoever asks for it reclaims by himself; EAGAIN: less than that. */
	if (file_write(CGROUP "/memory.reclaim", "64K") && errno != EAGAIN)
		return false;
	for (size_t i = 0; i < pages; i++)
		if (!swapped(start + i * page))
			return false;
	return true;
}

/* The pages of the area are the cgroup's alone. */
#define ASSERT_IN_CGROUP()                                      \
	do {                                                    \
		REQUIRE_OPTION(has_memcg(), "MEMCG");           \
		ASSERT_EQ(0, file_write(CGROUPS "cgroup.subtree_control", "+memory")); \
		ASSERT_EQ(0, mkdir(CGROUP, 0755));              \
		ASSERT_EQ(0, file_write(CGROUP "/cgroup.procs", "0")); \
		self->in_cgroup = true;                         \
		MAP_ON_LRU(4);                                  \
		PATH_ATTACH(&self->path);                       \
	} while (0)

/* Each page once, until all are gone: who asks is the process itself. */
#define EXPECT_RECLAIMED()                                      \
	do {                                                    \
		struct wanted_range gone_[4];                   \
								\
		WAIT_UNTIL(reclaimed(PATH_AREA, ARRAY_SIZE(gone_))); \
		for (size_t i_ = 0; i_ < ARRAY_SIZE(gone_); i_++) \
			gone_[i_] = RANGE(CLEAR, PATH_AREA + i_ * self->page, self->page, \
					  BY_UNMAP_PAGE);       \
		EXPECT_STREQ("", path_differs(&self->path, gone_, ARRAY_SIZE(gone_), false)); \
	} while (0)

/* It was asked whether each is young, before it was taken. */
TEST_F_TIMEOUT(pageout, cgroup, MNCK_TIMEOUT)
{
	SWAP_ON();
	ASSERT_EQ(0, lru_gen_off(&self->settings));
	ASSERT_IN_CGROUP();
	EXPECT_RECLAIMED();
	EXPECT_LE(4, path_count_calls(&self->path, "young", "folio_referenced_one"));
}

/* With generations it asks for the pages around one as well, or for all that there are. */
TEST_F_TIMEOUT(pageout, lru_gen, MNCK_TIMEOUT)
{
	SWAP_ON();
	REQUIRE_OPTION(has_lru_gen(), "LRU_GEN");
	ASSERT_EQ(0, setting_change(&self->settings, LRU_GEN, "y"));
	ASSERT_IN_CGROUP();
	EXPECT_RECLAIMED();
	EXPECT_LE(1, path_count_calls(&self->path, "young",
				      "lru_gen_look_around walk_pte_range walk_pud_range"));
}

TEST_HARNESS_MAIN
