// SPDX-License-Identifier: GPL-2.0
/*
 * Transparent huge pages: a PMD takes the place of page table entries (collapse) or
 * gives it to them (split), CLEAR of all that the PMD maps; and the huge zero page.
 *
 * While THP are never to be had unless they are asked for (MADV_COLLAPSE), which is
 * the setting that most tests make, khugepaged does nothing by itself.
 */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "huge.h"
#include "mnck_harness.h"
#include "option.h"
#include "path.h"
#include "proc.h"

#define COLLAPSE_SCAN "collapse_single_pmd madvise_collapse collapse_scan_mm_slot khugepaged"
#define COLLAPSE "collapse_huge_page mthp_collapse collapse_scan_pmd " COLLAPSE_SCAN
#define RETRACT "retract_page_tables collapse_file collapse_scan_file " COLLAPSE_SCAN
#define PTE_MAPPED "try_collapse_pte_mapped_thp " COLLAPSE_SCAN
#define ZERO_WRITE "do_huge_zero_wp_pmd do_huge_pmd_wp_page"

FIXTURE(huge_pages)
{
	struct path path;
	struct settings settings;
	size_t page;
	size_t huge;
	int file;
};

FIXTURE_SETUP(huge_pages)
{
	self->path.fd = -1;
	self->file = -1;
	self->page = getpagesize();
	self->huge = huge_size();
	REQUIRE_OPTION(has_thp(), "TRANSPARENT_HUGEPAGE");
	ASSERT_NE(0, self->huge);
	ASSERT_EQ(0, setting_change(&self->settings, THP "enabled", "never"));
}

FIXTURE_TEARDOWN(huge_pages)
{
	EXPECT_STREQ("", path_close(&self->path));
	if (self->file >= 0)
		close(self->file);
	EXPECT_EQ(0, settings_restore(&self->settings));
}

/* One for each huge page that comes, however few small ones were there. */
TEST_F_TIMEOUT(huge_pages, collapse, MNCK_TIMEOUT)
{
	char *second = PATH_AREA + self->huge;

	ASSERT_EQ(0, map_untouched(PATH_AREA, 2 * self->huge));
	memset(PATH_AREA, 1, self->huge);
	second[self->page] = 1;
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, madvise(PATH_AREA, 2 * self->huge, MADV_COLLAPSE));
	ASSERT_TRUE(huge_mapped(PATH_AREA, 2 * self->huge));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA, self->huge, COLLAPSE),
		      RANGE(CLEAR, second, self->huge, COLLAPSE));

	/* Nothing is left to be done. */
	ASSERT_EQ(0, madvise(PATH_AREA, 2 * self->huge, MADV_COLLAPSE));
	EXPECT_NO_RANGES(&self->path);
}

/* The same by khugepaged, which looks at a process as soon as it asks for huge pages. */
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
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA, self->huge, COLLAPSE,
					 .pid = kernel_thread("khugepaged")));
}

/* A file of one huge page's length, filled with small ones, and mapped. */
static int map_file(size_t len, char *start)
{
	int fd = memfd_create("huge", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, len) || fallocate(fd, 0, 0, len) ||
	    mmap(start, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0) !=
	    start)
		return -1;
	return fd;
}

/*
 * Of a file that is mapped: first the pages are unmapped, each by itself, then the page
 * table goes.
 */
TEST_F_TIMEOUT(huge_pages, file, MNCK_TIMEOUT)
{
	self->file = map_file(self->huge, PATH_AREA);
	ASSERT_LE(0, self->file);
	/* Writes map one page each, reads what is around. */
	PATH_AREA[0] = 1;
	PATH_AREA[7 * self->page] = 1;
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, madvise(PATH_AREA, self->huge, MADV_COLLAPSE));
	ASSERT_TRUE(huge_mapped(PATH_AREA, self->huge));
	EXPECT_RANGES(&self->path,
		      RANGE(CLEAR, PATH_AREA, self->page, BY_UNMAP_PAGE),
		      RANGE(CLEAR, PATH_AREA + 7 * self->page, self->page, BY_UNMAP_PAGE),
		      RANGE(CLEAR, PATH_AREA, self->huge, RETRACT));
}

/* Who has the file mapped as well loses his page table to whoever collapses it. */
TEST_F_TIMEOUT(huge_pages, file_of_another, MNCK_TIMEOUT)
{
	char *touched = PATH_AREA + 7 * self->page;
	pid_t child;

	self->file = map_file(self->huge, PATH_AREA);
	ASSERT_LE(0, self->file);
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		*touched = 1;
		for (;;)
			pause();
	}
	WAIT_UNTIL(*(volatile char *)touched);
	PATH_ATTACH_TO(&self->path, child, PATH_LIVES);
	ASSERT_EQ(0, madvise(PATH_AREA, self->huge, MADV_COLLAPSE));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, touched, self->page, BY_UNMAP_PAGE),
		      RANGE(CLEAR, PATH_AREA, self->huge, RETRACT));
	ASSERT_EQ(0, child_kill(&child));
}

/* The page is huge, but was mapped by entries of a page table, all of which go at once. */
TEST_F_TIMEOUT(huge_pages, pte_mapped, MNCK_TIMEOUT)
{
	char *second = PATH_AREA + self->huge;

	self->file = map_file(self->huge, PATH_AREA);
	ASSERT_LE(0, self->file);
	ASSERT_EQ(0, madvise(PATH_AREA, self->huge, MADV_COLLAPSE));
	ASSERT_EQ(second, mmap(second, self->huge, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_FIXED_NOREPLACE, self->file, 0));
	/* Else the first touch would map all of it. */
	ASSERT_EQ(0, prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
	second[0] = 1;
	second[7 * self->page] = 1;
	ASSERT_FALSE(huge_mapped(second, self->huge));
	ASSERT_EQ(0, prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0));
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, madvise(second, self->huge, MADV_COLLAPSE));
	ASSERT_TRUE(huge_mapped(second, self->huge));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, second, self->huge, PTE_MAPPED));
}

/*
 * The first touch is nobody's business, be it a read, which gets the huge zero page,
 * or a write; but that page goes with the first write.
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
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA, self->huge, ZERO_WRITE));
}

TEST_F_TIMEOUT(huge_pages, split_pmd, MNCK_TIMEOUT)
{
	char *part = PATH_AREA + 3 * self->page;

	ASSERT_EQ(0, huge_map(PATH_AREA, self->huge));
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, mprotect(part, 2 * self->page, PROT_READ));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA, self->huge, BY_SPLIT),
		      RANGE(PROTECTION_VMA, part, 2 * self->page, BY_PROTECT));
	/* It is split now. */
	ASSERT_EQ(0, mprotect(part, 2 * self->page, PROT_READ | PROT_WRITE));
	EXPECT_RANGES(&self->path, RANGE(PROTECTION_VMA, part, 2 * self->page, BY_PROTECT));
}

TEST_F_TIMEOUT(huge_pages, munmap_part, MNCK_TIMEOUT)
{
	char *part = PATH_AREA + 3 * self->page;

	ASSERT_EQ(0, huge_map(PATH_AREA, self->huge));
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, munmap(part, 2 * self->page));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA, self->huge, BY_SPLIT),
		      RANGE(UNMAP, part, 2 * self->page, BY_UNMAP));
}

/* Both ends of what goes are amidst a huge page. */
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

/* Only what is given away makes the split needed: it is within, and greater. */
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
 * A hole in a file is as that; but then the page in the cache is split, at both ends of
 * the hole and how it sees fit, for each of which all that was one is unmapped.
 */
TEST_F_TIMEOUT(huge_pages, punch_hole, MNCK_TIMEOUT)
{
	char *part = PATH_AREA + 3 * self->page;
	struct wanted_range wants[] = {
		RANGE(CLEAR, part, 2 * self->page, BY_ZAP),
		RANGE(CLEAR, PATH_AREA, self->huge, BY_SPLIT),
		RANGE(CLEAR, PATH_AREA, self->huge, BY_UNMAP_PAGE),
	};
	const struct seen_range *seen;

	self->file = map_file(self->huge, PATH_AREA);
	ASSERT_LE(0, self->file);
	ASSERT_EQ(0, madvise(PATH_AREA, self->huge, MADV_COLLAPSE));
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, fallocate(self->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       3 * self->page, 2 * self->page));
	path_collect(&self->path);
	seen = self->path.subs[0].ranges;
	ASSERT_LE(ARRAY_SIZE(wants), self->path.subs[0].n);
	for (size_t i = 0; i < ARRAY_SIZE(wants); i++)
		EXPECT_TRUE(range_matches(&seen[i], &wants[i]));
	EXPECT_EQ(1, seen[1].nesting);
	EXPECT_TRUE(rest_is_clear_within(&self->path, ARRAY_SIZE(wants), PATH_AREA, self->huge,
					 BY_UNMAP_PAGE));
}

/* A private mapping of a file has it as a whole until the first write to a page of it. */
TEST_F_TIMEOUT(huge_pages, private_file, MNCK_TIMEOUT)
{
	char *second = PATH_AREA + self->huge;

	self->file = map_file(self->huge, PATH_AREA);
	ASSERT_LE(0, self->file);
	ASSERT_EQ(0, madvise(PATH_AREA, self->huge, MADV_COLLAPSE));
	ASSERT_EQ(second, mmap(second, self->huge, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_FIXED_NOREPLACE, self->file, 0));
	PATH_ATTACH(&self->path);
	EXPECT_EQ(0, *(volatile char *)second);
	ASSERT_TRUE(huge_mapped(second, self->huge));
	EXPECT_NO_RANGES(&self->path);
	second[self->page] = 1;
	EXPECT_RANGES(&self->path, RANGE(CLEAR, second, self->huge, BY_SPLIT));
}

/* A part that gets a VMA of its own is enough, if nothing about the page changes. */
TEST_F_TIMEOUT(huge_pages, mlock_part, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, huge_map(PATH_AREA, self->huge));
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, mlock(PATH_AREA, self->page));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA, self->huge, BY_SPLIT));
}

/*
 * Linux 7.3 does not look whether there is a huge page to be split (mm_find_pmd()
 * takes any PMD, that of a page table and that of nothing): a VMA that is split where
 * one might be is told as if it were there.  It is more than is true, which nobody has
 * to mind, and less would be as right.
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

/* A page that is shared with a child is split by who writes, and then that one page copied. */
TEST_F_TIMEOUT(huge_pages, copy_on_write, MNCK_TIMEOUT)
{
	char *written = PATH_AREA + 3 * self->page;
	pid_t child;

	ASSERT_EQ(0, huge_map(PATH_AREA, self->huge));
	PATH_ATTACH(&self->path);
	child = child_start();
	ASSERT_LT(0, child);
	*written = 1;
	EXPECT_RANGES(&self->path,
		      RANGE(PROTECTION_PAGE, PATH_AREA, self->huge, BY_FORK),
		      RANGE(CLEAR, PATH_AREA, self->huge, BY_SPLIT),
		      RANGE(CLEAR, written, self->page, BY_COPY));
	ASSERT_EQ(0, child_kill(&child));
}

/* The whole of a huge page is not split. */
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
	EXPECT_RANGES(&self->path, RANGE(UNMAP, PATH_AREA + self->huge, self->huge,
					 BY_UNMAP));
}

TEST_HARNESS_MAIN
