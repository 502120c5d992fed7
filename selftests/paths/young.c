// SPDX-License-Identifier: GPL-2.0
/*
 * Drives the callbacks that ask whether a page is young, by idle page tracking and by DAMON.
 *
 * The aging subscriber must be asked, and no subscriber may see a range: nothing is taken
 * away.  aging.c tests the effect of the answers.  Reclaim asks too, see pageout.c.
 */
#include "damon.h"
#include "huge.h"
#include "hugetlb.h"
#include "mnck_harness.h"
#include "option.h"
#include "pages.h"
#include "path.h"
#include "stats.h"

#define AREA_PAGES 4

FIXTURE(young)
{
	struct path path;
	size_t page;
	int bitmap;
};

FIXTURE_SETUP(young)
{
	self->page = getpagesize();
	REQUIRE_OPTION(has_idle_page_tracking(), "IDLE_PAGE_TRACKING");
	self->bitmap = idle_open();
	ASSERT_LE(0, self->bitmap);
	PATH_ATTACH_AREA(&self->path, AREA_PAGES * self->page);
	WAIT_UNTIL(pages_on_lru(PATH_AREA, AREA_PAGES * self->page));
}

FIXTURE_TEARDOWN(young)
{
	damon_stop();
	EXPECT_STREQ("", path_close(&self->path));
	close(self->bitmap);
}

/*
 * page_idle_clear_pte_refs_one() asks once for each page that is set idle, and once more
 * each time that the bit of a page is read.
 */
TEST_F_TIMEOUT(young, idle, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, set_idle(self->bitmap, PATH_AREA));
	ASSERT_EQ(0, set_idle(self->bitmap, PATH_AREA + self->page));
	EXPECT_NO_RANGES(&self->path);
	EXPECT_EQ(2, path_count_calls(&self->path, "young", "page_idle_clear_pte_refs_one"));
	EXPECT_TRUE(is_idle(self->bitmap, PATH_AREA));
	EXPECT_NO_RANGES(&self->path);
	EXPECT_LE(1, path_count_calls(&self->path, "young", "page_idle_clear_pte_refs_one"));
}

/*
 * Runs DAMON on @_len bytes at PATH_AREA.  One of @_clear clears the page's accessed bits,
 * and one of @_test tests them later.
 */
#define EXPECT_DAMON(_len, _clear, _test)                                         \
	do {                                                                      \
		const char *refused_;                                             \
										  \
		REQUIRE_OPTION(has_damon(), "DAMON_SYSFS");                       \
		ASSERT_EQ(0, path_unwatch(&self->path));                          \
		refused_ = damon_start(PATH_AREA, _len);                          \
		ASSERT_EQ(NULL, refused_) TH_LOG(DAMON_NEEDS, refused_);          \
		WAIT_UNTIL(stats_now(path_find_kind(&self->path,                  \
						    MNCK_KIND_AGING)).test_young >= 2); \
		EXPECT_NO_RANGES(&self->path);                                    \
		EXPECT_LE(2, path_count_calls(&self->path, "young", _clear));     \
		EXPECT_LE(2, path_count_calls(&self->path, "young", _test));      \
	} while (0)

/* DAMON asks about a small page. */
TEST_F_TIMEOUT(young, damon, MNCK_TIMEOUT)
{
	EXPECT_DAMON(self->page, "damon_ptep_mkold damon_mkold_pmd_entry", "damon_young_pmd_entry");
}

/* Pages that a PMD maps, and pages of hugetlb. */
FIXTURE(huge)
{
	struct path path;
	struct settings settings;
	size_t page;
};

FIXTURE_SETUP(huge)
{
}

FIXTURE_TEARDOWN(huge)
{
	damon_stop();
	EXPECT_STREQ("", path_close(&self->path));
	munmap(PATH_AREA, PATH_AREA_SIZE);
	EXPECT_EQ(0, settings_restore(&self->settings));
}

/* DAMON asks about a huge page as a whole, and does not split it. */
TEST_F_TIMEOUT(huge, damon, MNCK_TIMEOUT)
{
	REQUIRE_OPTION(has_thp(), "TRANSPARENT_HUGEPAGE");
	self->page = huge_size();
	ASSERT_NE(0, self->page);
	ASSERT_EQ(0, huge_map(PATH_AREA, self->page));
	PATH_ATTACH(&self->path);
	EXPECT_DAMON(self->page, "damon_pmdp_mkold damon_mkold_pmd_entry", "damon_young_pmd_entry");
	EXPECT_TRUE(huge_mapped(PATH_AREA, self->page));
}

/* DAMON asks about a page of hugetlb, by functions of its own. */
TEST_F_TIMEOUT(huge, damon_hugetlb, MNCK_TIMEOUT)
{
	REQUIRE_OPTION(has_hugetlb(), "HUGETLBFS");
	self->page = hugetlb_size();
	ASSERT_EQ(0, hugetlb_keep(&self->settings, 1)) TH_LOG("%m");
	ASSERT_EQ(0, hugetlb_map_touched(PATH_AREA, self->page));
	PATH_ATTACH(&self->path);
	EXPECT_DAMON(self->page, "damon_hugetlb_mkold damon_mkold_hugetlb_entry",
		     "damon_young_hugetlb_entry");
}

TEST_HARNESS_MAIN
