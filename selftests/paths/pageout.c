// SPDX-License-Identifier: GPL-2.0
/*
 * Drives try_to_unmap_one(), by reclaim: MADV_PAGEOUT, and memory.reclaim of a cgroup.
 *
 * A subscriber must see a CLEAR range of each page that goes to swap, in the task that
 * reclaims, and no range of a small page that stays.  The kernel chooses the order.
 */
#include <errno.h>
#include <sys/stat.h>

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
	pid_t child;
};

FIXTURE_SETUP(pageout)
{
	REQUIRE_OPTION(has_thp(), "TRANSPARENT_HUGEPAGE");
	self->file = -1;
	self->page = getpagesize();
	self->huge = huge_on_request(&self->settings);
	ASSERT_NE(0, self->huge);
}

FIXTURE_TEARDOWN(pageout)
{
	EXPECT_EQ(0, child_kill(&self->child));
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

/* Maps pages and waits until they are on the LRU: MADV_PAGEOUT leaves all others alone. */
#define MAP_ON_LRU(_pages)                                      \
	do {                                                    \
		ASSERT_EQ(0, map_pages(PATH_AREA, (_pages) * self->page)); \
		WAIT_UNTIL(pages_on_lru(PATH_AREA, (_pages) * self->page)); \
	} while (0)

static bool swapped(const char *page)
{
	return page_entry(page) & PAGEMAP_SWAPPED;
}

/*
 * MADV_PAGEOUT begins a range for each page that goes to swap.  A page that comes back
 * begins none.
 */
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

/* MADV_PAGEOUT takes a page of tmpfs too, if no other process has mapped it. */
TEST_F_TIMEOUT(pageout, shared, MNCK_TIMEOUT)
{
	SWAP_ON();
	self->file = map_memfd(PATH_AREA, 2 * self->page);
	ASSERT_LE(0, self->file);
	memset(PATH_AREA, 1, 2 * self->page);
	WAIT_UNTIL(pages_on_lru(PATH_AREA, 2 * self->page));
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, madvise(PATH_AREA, self->page, MADV_PAGEOUT));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA, self->page, BY_UNMAP_PAGE));
}

/*
 * MADV_PAGEOUT leaves pages alone that a child has mapped too: see
 * folio_maybe_mapped_shared() in mm/madvise.c.
 */
TEST_F_TIMEOUT(pageout, forked, MNCK_TIMEOUT)
{
	SWAP_ON();
	MAP_ON_LRU(2);
	self->child = child_start();
	ASSERT_LT(0, self->child);
	PATH_ATTACH(&self->path);
	EXPECT_EQ(0, madvise(PATH_AREA, 2 * self->page, MADV_PAGEOUT));
	EXPECT_FALSE(swapped(PATH_AREA));
	EXPECT_NO_RANGES(&self->path);
}

/* Without swap, shrink_folio_list() gives up before it unmaps a page. */
TEST_F_TIMEOUT(pageout, no_swap, MNCK_TIMEOUT)
{
	MAP_ON_LRU(2);
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, madvise(PATH_AREA, 2 * self->page, MADV_PAGEOUT));
	EXPECT_NO_RANGES(&self->path);
}

/* MADV_COLD lets pages go first when memory is short, and begins no range now. */
TEST_F_TIMEOUT(pageout, cold, MNCK_TIMEOUT)
{
	SWAP_ON();
	MAP_ON_LRU(2);
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, madvise(PATH_AREA, 2 * self->page, MADV_COLD));
	EXPECT_NO_RANGES(&self->path);
}

/* A page after MADV_FREE needs no swap: its range begins, and it is freed.  The other stays. */
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
 * MADV_PAGEOUT and MADV_COLD of a part of a huge page split its folio.  The range of the
 * whole huge page comes from try_to_migrate_one(), and not from __split_huge_pmd().
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
 * A huge page goes to swap as a whole, or is split first and goes in parts.  The first range
 * is the whole huge page in both cases, from either function, and all others lie in it.
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
 * Without swap a huge page is still split, which begins a range: shrink_folio_list() finds no
 * swap for the whole, splits the huge page, and only then finds no swap for the parts.
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

/* Reclaims from the cgroup, in this task.  Returns whether all @pages have gone to swap. */
static bool reclaim_all(const char *start, size_t pages)
{
	size_t page = getpagesize();

	/* EAGAIN: less was reclaimed. */
	if (file_write(CGROUP "/memory.reclaim", "64K") && errno != EAGAIN)
		return false;
	for (size_t i = 0; i < pages; i++)
		if (!swapped(start + i * page))
			return false;
	return true;
}

/* Moves the test to a new cgroup, and then maps the area, whose pages are the cgroup's. */
#define MAP_IN_CGROUP()                                         \
	do {                                                    \
		REQUIRE_OPTION(has_memcg(), "MEMCG");           \
		ASSERT_EQ(0, file_write(CGROUPS "cgroup.subtree_control", "+memory")); \
		ASSERT_EQ(0, mkdir(CGROUP, 0755));              \
		ASSERT_EQ(0, file_write(CGROUP "/cgroup.procs", "0")); \
		self->in_cgroup = true;                         \
		MAP_ON_LRU(4);                                  \
		PATH_ATTACH(&self->path);                       \
	} while (0)

/* Reclaims until all pages have gone to swap.  Each page had one range. */
#define EXPECT_RECLAIMED()                                      \
	do {                                                    \
		struct wanted_range gone_[4];                   \
								\
		WAIT_UNTIL(reclaim_all(PATH_AREA, ARRAY_SIZE(gone_))); \
		for (size_t i_ = 0; i_ < ARRAY_SIZE(gone_); i_++) \
			gone_[i_] = RANGE(CLEAR, PATH_AREA + i_ * self->page, self->page, \
					  BY_UNMAP_PAGE);       \
		EXPECT_STREQ("", path_differs(&self->path, gone_, ARRAY_SIZE(gone_), false)); \
	} while (0)

/*
 * With the classic LRU, reclaim of a cgroup asks whether each page is young before it takes
 * the page.
 */
TEST_F_TIMEOUT(pageout, cgroup, MNCK_TIMEOUT)
{
	SWAP_ON();
	ASSERT_EQ(0, lru_gen_off(&self->settings));
	MAP_IN_CGROUP();
	EXPECT_RECLAIMED();
	EXPECT_LE(4, path_count_calls(&self->path, "young", "folio_referenced_one"));
}

/* The multi-generational LRU also asks about the pages around one, or walks page tables. */
TEST_F_TIMEOUT(pageout, lru_gen, MNCK_TIMEOUT)
{
	REQUIRE_OPTION(has_lru_gen(), "LRU_GEN");
	SWAP_ON();
	ASSERT_EQ(0, setting_change(&self->settings, LRU_GEN, "y"));
	MAP_IN_CGROUP();
	EXPECT_RECLAIMED();
	EXPECT_LE(1, path_count_calls(&self->path, "young",
				      "lru_gen_look_around walk_pte_range walk_pud_range"));
}

TEST_HARNESS_MAIN
