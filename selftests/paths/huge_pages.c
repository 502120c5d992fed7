// SPDX-License-Identifier: GPL-2.0
/*
 * Drives transparent huge pages: collapse_huge_page(), retract_page_tables() and
 * try_collapse_pte_mapped_thp() of mm/khugepaged.c, which put a PMD in the place of page
 * table entries; __split_huge_pmd(), which does the reverse; and do_huge_zero_wp_pmd(), which
 * replaces the huge zero page.
 *
 * A subscriber must see a CLEAR range of all that the PMD maps.
 *
 * Most tests set transparent huge pages to "never", so that MADV_COLLAPSE alone makes some
 * and khugepaged does nothing.
 */
#include <sys/prctl.h>

#include "huge.h"
#include "mnck_harness.h"
#include "option.h"
#include "path.h"
#include "proc.h"

#define BY_COLLAPSE_CALLERS                                     \
	"collapse_single_pmd madvise_collapse collapse_scan_mm_slot khugepaged"
#define BY_COLLAPSE "collapse_huge_page mthp_collapse collapse_scan_pmd " BY_COLLAPSE_CALLERS
#define BY_RETRACT "retract_page_tables collapse_file collapse_scan_file " BY_COLLAPSE_CALLERS
#define BY_PTE_MAPPED "try_collapse_pte_mapped_thp " BY_COLLAPSE_CALLERS
#define BY_ZERO_WRITE "do_huge_zero_wp_pmd do_huge_pmd_wp_page"

FIXTURE(huge_pages)
{
	struct path path;
	struct settings settings;
	size_t page;
	/* The size of a huge page, which a PMD maps. */
	size_t huge;
	int file;
	pid_t child;
};

FIXTURE_SETUP(huge_pages)
{
	REQUIRE_OPTION(has_thp(), "TRANSPARENT_HUGEPAGE");
	self->file = -1;
	self->page = getpagesize();
	self->huge = huge_on_request(&self->settings);
	ASSERT_NE(0, self->huge);
}

FIXTURE_TEARDOWN(huge_pages)
{
	EXPECT_EQ(0, child_kill(&self->child));
	EXPECT_STREQ("", path_close(&self->path));
	if (self->file >= 0)
		close(self->file);
	EXPECT_EQ(0, settings_restore(&self->settings));
}

/*
 * MADV_COLLAPSE begins one range for each huge page that it makes, of the whole huge page
 * however few small ones were there.  A second call finds huge pages and begins none.
 */
TEST_F_TIMEOUT(huge_pages, collapse, MNCK_TIMEOUT)
{
	char *second = PATH_AREA + self->huge;

	ASSERT_EQ(0, map_untouched(PATH_AREA, 2 * self->huge));
	memset(PATH_AREA, 1, self->huge);
	second[self->page] = 1;
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, madvise(PATH_AREA, 2 * self->huge, MADV_COLLAPSE));
	ASSERT_TRUE(huge_mapped(PATH_AREA, 2 * self->huge));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA, self->huge, BY_COLLAPSE),
		      RANGE(CLEAR, second, self->huge, BY_COLLAPSE));

	ASSERT_EQ(0, madvise(PATH_AREA, 2 * self->huge, MADV_COLLAPSE));
	EXPECT_NO_RANGES(&self->path);
}

/*
 * khugepaged begins the same range, in its own thread.  MADV_HUGEPAGE adds the process to
 * those that khugepaged scans.
 */
TEST_F_TIMEOUT(huge_pages, khugepaged, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, map_pages(PATH_AREA, self->huge));
	ASSERT_EQ(0, setting_change(&self->settings, THP "khugepaged/defrag", "1"));
	ASSERT_EQ(0, setting_change(&self->settings, THP "khugepaged/scan_sleep_millisecs", "10"));
	ASSERT_EQ(0, setting_change(&self->settings, THP "khugepaged/alloc_sleep_millisecs", "10"));
	ASSERT_EQ(0, setting_change(&self->settings, THP "enabled", "madvise"));
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, madvise(PATH_AREA, self->huge, MADV_HUGEPAGE));
	WAIT_UNTIL(huge_mapped(PATH_AREA, self->huge));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA, self->huge, BY_COLLAPSE,
					 .pid = kernel_thread("khugepaged")));
}

/* Maps a new file at PATH_AREA, which has the length of a huge page and small pages. */
#define MAP_SMALL_FILE()                                        \
	do {                                                    \
		self->file = map_memfd(PATH_AREA, self->huge);  \
		ASSERT_LE(0, self->file);                       \
		ASSERT_EQ(0, fallocate(self->file, 0, 0, self->huge)); \
	} while (0)

/* Maps a new file at PATH_AREA, which is one huge page. */
#define MAP_HUGE_FILE()                                         \
	do {                                                    \
		MAP_SMALL_FILE();                               \
		ASSERT_EQ(0, madvise(PATH_AREA, self->huge, MADV_COLLAPSE)); \
	} while (0)

/*
 * The collapse of a mapped file begins a range for each mapped page, which try_to_unmap_one()
 * unmaps.  Then it begins one range of all that the page table mapped, which
 * retract_page_tables() removes.
 */
TEST_F_TIMEOUT(huge_pages, file, MNCK_TIMEOUT)
{
	MAP_SMALL_FILE();
	/* A write maps one page; a read would map those around it too. */
	PATH_AREA[0] = 1;
	PATH_AREA[7 * self->page] = 1;
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, madvise(PATH_AREA, self->huge, MADV_COLLAPSE));
	ASSERT_TRUE(huge_mapped(PATH_AREA, self->huge));
	EXPECT_RANGES(&self->path,
		      RANGE(CLEAR, PATH_AREA, self->page, BY_UNMAP_PAGE),
		      RANGE(CLEAR, PATH_AREA + 7 * self->page, self->page, BY_UNMAP_PAGE),
		      RANGE(CLEAR, PATH_AREA, self->huge, BY_RETRACT));
}

/*
 * retract_page_tables() removes the page tables of each process that has mapped the file:
 * a subscriber to the child sees the ranges, which begin in the parent.
 */
TEST_F_TIMEOUT(huge_pages, file_of_another, MNCK_TIMEOUT)
{
	char *touched = PATH_AREA + 7 * self->page;

	MAP_SMALL_FILE();
	self->child = child_start_writing(touched, 1);
	ASSERT_LT(0, self->child);
	PATH_ATTACH_TO(&self->path, self->child, PATH_LIVES);
	ASSERT_EQ(0, madvise(PATH_AREA, self->huge, MADV_COLLAPSE));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, touched, self->page, BY_UNMAP_PAGE),
		      RANGE(CLEAR, PATH_AREA, self->huge, BY_RETRACT));
}

/*
 * If the file has a huge page already and page table entries map it, then
 * try_collapse_pte_mapped_thp() replaces them all by a PMD, in one range.
 */
TEST_F_TIMEOUT(huge_pages, pte_mapped, MNCK_TIMEOUT)
{
	char *second = PATH_AREA + self->huge;

	MAP_HUGE_FILE();
	ASSERT_EQ(0, map_file(second, self->huge, MAP_SHARED, self->file));
	/* Otherwise the first write would map the whole huge page by a PMD. */
	ASSERT_EQ(0, prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
	second[0] = 1;
	second[7 * self->page] = 1;
	ASSERT_FALSE(huge_mapped(second, self->huge));
	ASSERT_EQ(0, prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0));
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, madvise(second, self->huge, MADV_COLLAPSE));
	ASSERT_TRUE(huge_mapped(second, self->huge));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, second, self->huge, BY_PTE_MAPPED));
}

/*
 * The first access begins no range: a read maps the huge zero page, a write maps a new huge
 * page.  The first write to the huge zero page replaces it, in do_huge_zero_wp_pmd().
 */
TEST_F_TIMEOUT(huge_pages, zero_page, MNCK_TIMEOUT)
{
	char *second = PATH_AREA + self->huge;

	ASSERT_EQ(0, setting_change(&self->settings, THP "use_zero_page", "1"));
	ASSERT_EQ(0, setting_change(&self->settings, THP "defrag", "madvise"));
	ASSERT_EQ(0, setting_change(&self->settings, THP "enabled", "madvise"));
	ASSERT_EQ(0, map_untouched(PATH_AREA, 2 * self->huge));
	ASSERT_EQ(0, madvise(PATH_AREA, 2 * self->huge, MADV_HUGEPAGE));
	PATH_ATTACH(&self->path);
	EXPECT_EQ(0, *(volatile char *)(PATH_AREA + self->page));
	second[self->page] = 1;
	ASSERT_TRUE(huge_mapped(PATH_AREA, 2 * self->huge));
	EXPECT_NO_RANGES(&self->path);

	PATH_AREA[self->page] = 1;
	ASSERT_TRUE(huge_mapped(PATH_AREA, self->huge));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA, self->huge, BY_ZERO_WRITE));
}

/*
 * mprotect() of a part begins a range of the split and then its own.  A second mprotect()
 * finds nothing to split.
 */
TEST_F_TIMEOUT(huge_pages, split_pmd, MNCK_TIMEOUT)
{
	char *part = PATH_AREA + 3 * self->page;

	ASSERT_EQ(0, huge_map(PATH_AREA, self->huge));
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, mprotect(part, 2 * self->page, PROT_READ));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA, self->huge, BY_SPLIT),
		      RANGE(PROTECTION_VMA, part, 2 * self->page, BY_PROTECT));
	ASSERT_EQ(0, mprotect(part, 2 * self->page, PROT_READ | PROT_WRITE));
	EXPECT_RANGES(&self->path, RANGE(PROTECTION_VMA, part, 2 * self->page, BY_PROTECT));
}

/* munmap() of a part begins a range of the split and then its own. */
TEST_F_TIMEOUT(huge_pages, munmap_part, MNCK_TIMEOUT)
{
	char *part = PATH_AREA + 3 * self->page;

	ASSERT_EQ(0, huge_map(PATH_AREA, self->huge));
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, munmap(part, 2 * self->page));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA, self->huge, BY_SPLIT),
		      RANGE(UNMAP, part, 2 * self->page, BY_UNMAP));
}

/* munmap() of parts of two huge pages splits both. */
TEST_F_TIMEOUT(huge_pages, munmap_across, MNCK_TIMEOUT)
{
	char *part = PATH_AREA + self->huge - self->page;

	ASSERT_EQ(0, huge_map(PATH_AREA, 2 * self->huge));
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, munmap(part, 2 * self->page));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA, self->huge, BY_SPLIT),
		      RANGE(CLEAR, PATH_AREA + self->huge, self->huge, BY_SPLIT),
		      RANGE(UNMAP, part, 2 * self->page, BY_UNMAP));
}

/*
 * MADV_DONTNEED does not split the VMA.  zap_pmd_range() splits the huge page when it gets
 * there, so that the range of the split is nested in the smaller one of MADV_DONTNEED.
 */
TEST_F_TIMEOUT(huge_pages, dontneed_part, MNCK_TIMEOUT)
{
	char *part = PATH_AREA + 3 * self->page;

	ASSERT_EQ(0, huge_map(PATH_AREA, self->huge));
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, madvise(part, 2 * self->page, MADV_DONTNEED));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, part, 2 * self->page, BY_ZAP),
		      RANGE(CLEAR, PATH_AREA, self->huge, BY_SPLIT));
	EXPECT_EQ(1, self->path.subs[0].ranges[1].nesting);
}

/*
 * A hole in a file splits the PMD like MADV_DONTNEED.  truncate_inode_partial_folio() then
 * splits the folio at the start of the hole, and perhaps at its end, and for each split
 * try_to_unmap_one() unmaps what was one folio.  Those ranges are certain only to lie
 * within the huge page.
 */
TEST_F_TIMEOUT(huge_pages, punch_hole, MNCK_TIMEOUT)
{
	char *part = PATH_AREA + 3 * self->page;
	struct wanted_range wants[] = {
		RANGE(CLEAR, part, 2 * self->page, BY_ZAP),
		RANGE(CLEAR, PATH_AREA, self->huge, BY_SPLIT),
		RANGE(CLEAR, PATH_AREA, self->huge, BY_UNMAP_PAGE),
	};
	const struct seen_range *ranges;

	MAP_HUGE_FILE();
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, punch_hole(self->file, 3 * self->page, 2 * self->page));
	path_collect(&self->path);
	ranges = self->path.subs[0].ranges;
	ASSERT_LE(ARRAY_SIZE(wants), self->path.subs[0].n);
	for (size_t i = 0; i < ARRAY_SIZE(wants); i++)
		EXPECT_TRUE(range_matches(&ranges[i], &wants[i]));
	EXPECT_EQ(1, ranges[1].nesting);
	EXPECT_TRUE(rest_is_clear_within(&self->path, ARRAY_SIZE(wants), PATH_AREA, self->huge,
					 BY_UNMAP_PAGE));
}

/* A PMD maps a huge page of a file in a private mapping, until the first write splits it. */
TEST_F_TIMEOUT(huge_pages, private_file, MNCK_TIMEOUT)
{
	char *second = PATH_AREA + self->huge;

	MAP_HUGE_FILE();
	ASSERT_EQ(0, map_file(second, self->huge, MAP_PRIVATE, self->file));
	PATH_ATTACH(&self->path);
	EXPECT_EQ(0, *(volatile char *)second);
	ASSERT_TRUE(huge_mapped(second, self->huge));
	EXPECT_NO_RANGES(&self->path);
	second[self->page] = 1;
	EXPECT_RANGES(&self->path, RANGE(CLEAR, second, self->huge, BY_SPLIT));
}

/*
 * mlock() of a part changes no page, but splits the VMA: vma_adjust_trans_huge() then splits
 * the huge page.
 */
TEST_F_TIMEOUT(huge_pages, mlock_part, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, huge_map(PATH_AREA, self->huge));
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, mlock(PATH_AREA, self->page));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA, self->huge, BY_SPLIT));
}

/*
 * A VMA that is split where a huge page might be begins the range of a huge page split even
 * without one: in Linux 7.3 split_huge_pmd_address() takes any PMD of mm_find_pmd(), that
 * of a page table or an empty one.  A superfluous range harms no subscriber.  A kernel that
 * looks first would be right too, so the test accepts both.
 */
TEST_F_TIMEOUT(huge_pages, small_pages_split, MNCK_TIMEOUT)
{
	struct wanted_range split = RANGE(CLEAR, PATH_AREA, self->huge, BY_SPLIT);

	ASSERT_EQ(0, map_pages(PATH_AREA, self->huge));
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, mlock(PATH_AREA, self->page));
	ASSERT_FALSE(huge_mapped(PATH_AREA, self->huge));
	path_collect(&self->path);
	EXPECT_GE(1, self->path.subs[0].n);
	if (self->path.subs[0].n)
		EXPECT_TRUE(range_matches(self->path.subs[0].ranges, &split));
}

/*
 * A write to a huge page that is shared with a child splits it, and then copies the small
 * page that was written.
 */
TEST_F_TIMEOUT(huge_pages, copy_on_write, MNCK_TIMEOUT)
{
	char *written = PATH_AREA + 3 * self->page;

	ASSERT_EQ(0, huge_map(PATH_AREA, self->huge));
	PATH_ATTACH(&self->path);
	self->child = child_start();
	ASSERT_LT(0, self->child);
	*written = 1;
	EXPECT_RANGES(&self->path,
		      RANGE(PROTECTION_PAGE, PATH_AREA, self->huge, BY_FORK),
		      RANGE(CLEAR, PATH_AREA, self->huge, BY_SPLIT),
		      RANGE(CLEAR, written, self->page, BY_COPY));
}

/* An operation on a whole huge page does not split it. */
TEST_F_TIMEOUT(huge_pages, whole, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, huge_map(PATH_AREA, 2 * self->huge));
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, mprotect(PATH_AREA, self->huge, PROT_READ));
	EXPECT_RANGES(&self->path, RANGE(PROTECTION_VMA, PATH_AREA, self->huge, BY_PROTECT));
	ASSERT_TRUE(huge_mapped(PATH_AREA, 2 * self->huge));
	ASSERT_EQ(0, mlock(PATH_AREA, self->huge));
	ASSERT_EQ(0, munlock(PATH_AREA, self->huge));
	ASSERT_EQ(0, madvise(PATH_AREA, self->huge, MADV_NOHUGEPAGE));
	ASSERT_EQ(0, madvise(PATH_AREA, self->huge, MADV_COLD));
	PATH_AREA[self->huge] = 2;
	ASSERT_TRUE(huge_mapped(PATH_AREA, 2 * self->huge));
	EXPECT_NO_RANGES(&self->path);
	ASSERT_EQ(0, madvise(PATH_AREA, self->huge, MADV_DONTNEED));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA, self->huge, BY_ZAP));
	ASSERT_EQ(0, munmap(PATH_AREA + self->huge, self->huge));
	EXPECT_RANGES(&self->path, RANGE(UNMAP, PATH_AREA + self->huge, self->huge, BY_UNMAP));
}

TEST_HARNESS_MAIN
