// SPDX-License-Identifier: GPL-2.0
/*
 * Drives mm/hugetlb.c, which has functions of its own for nearly all that mm does to memory.
 *
 * A subscriber must see ranges of whole pages of hugetlb, and in two places another event
 * than with other memory: CLEAR and not PROTECTION_PAGE at fork(), and CLEAR and not UNMAP
 * from the move of an mremap().
 *
 * No mapping here covers a whole PUD entry, so that no page table is shared.
 * hugetlb_shared.c tests those that do, and whose ranges are wider.
 */
#include "hugetlb.h"
#include "mnck_harness.h"
#include "option.h"
#include "path.h"

#define BY_HUGETLB_FORK "copy_hugetlb_page_range"
#define BY_HUGETLB_COPY "hugetlb_wp hugetlb_fault"
#define BY_HUGETLB_MOVE "move_hugetlb_page_tables"

/* The most pages that a test maps; the pool has one more, for a copy. */
#define PAGES 4

FIXTURE(hugetlb)
{
	struct path path;
	struct settings settings;
	size_t page;
	size_t len;
	int file;
	pid_t child;
};

FIXTURE_SETUP(hugetlb)
{
	REQUIRE_OPTION(has_hugetlb(), "HUGETLBFS");
	self->file = -1;
	self->page = hugetlb_size();
	self->len = PAGES * self->page;
	ASSERT_EQ(0, hugetlb_keep(&self->settings, PAGES + 1)) TH_LOG("%m");
}

FIXTURE_TEARDOWN(hugetlb)
{
	EXPECT_STREQ("", path_close(&self->path));
	EXPECT_EQ(0, child_kill(&self->child));
	munmap(PATH_AREA, PATH_AREA_SIZE);
	if (self->file >= 0)
		close(self->file);
	EXPECT_EQ(0, settings_restore(&self->settings));
}

/* Maps a new file and writes to all of it.  Returns its descriptor, or -1. */
static int map_file_touched(char *start, size_t len)
{
	int fd = hugetlb_file(len);

	if (fd < 0 || hugetlb_map_file(start, len, fd))
		return -1;
	memset(start, 1, len);
	return fd;
}

/* fork() begins a CLEAR range of the VMA.  Other memory has PROTECTION_PAGE. */
TEST_F_TIMEOUT(hugetlb, fork, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, hugetlb_map(PATH_AREA, self->len));
	PATH_AREA[self->page] = 1;
	PATH_ATTACH(&self->path);
	self->child = child_start();
	ASSERT_LT(0, self->child);
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA, self->len, BY_HUGETLB_FORK));
}

/*
 * fork() begins no range for untouched memory or for a shared mapping: vma_needs_copy()
 * leaves these to later faults of the child.
 */
TEST_F_TIMEOUT(hugetlb, fork_silent, MNCK_TIMEOUT)
{
	char *file = PATH_AREA + self->len;

	ASSERT_EQ(0, hugetlb_map(PATH_AREA, self->page));
	self->file = map_file_touched(file, 2 * self->page);
	ASSERT_LE(0, self->file);
	PATH_ATTACH(&self->path);
	self->child = child_start();
	ASSERT_LT(0, self->child);
	EXPECT_NO_RANGES(&self->path);
	file[0] = 2;
	EXPECT_NO_RANGES(&self->path);
}

/*
 * A write to a page that a child shares begins a range of the whole page, wherever in it the
 * write is, and copies it.  Without a child the page is written in place.
 */
TEST_F_TIMEOUT(hugetlb, write, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, hugetlb_map_touched(PATH_AREA, 2 * self->page));
	self->child = child_start();
	ASSERT_LT(0, self->child);
	PATH_ATTACH(&self->path);
	PATH_AREA[self->page + self->page / 2] = 2;
	EXPECT_RANGES(&self->path,
		      RANGE(CLEAR, PATH_AREA + self->page, self->page, BY_HUGETLB_COPY));

	ASSERT_EQ(0, child_kill(&self->child));
	PATH_AREA[0] = 2;
	EXPECT_NO_RANGES(&self->path);
}

/*
 * If the pool has no page for the copy, hugetlb_wp() takes the page from the child and leaves
 * it to the parent, which has reserved it.  A subscriber to the child sees the range, which
 * begins in the parent.
 */
TEST_F_TIMEOUT(hugetlb, taken_from_child, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, hugetlb_map_touched(PATH_AREA, (PAGES + 1) * self->page));
	self->child = child_start();
	ASSERT_LT(0, self->child);
	PATH_ATTACH_TO(&self->path, self->child, PATH_LIVES);
	PATH_AREA[self->page] = 2;
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA + self->page, self->page,
					 BY_HUGETLB_UNMAP " unmap_ref_private hugetlb_wp"));
}

/*
 * mremap() begins a CLEAR range for the move, where other memory has UNMAP, and then an
 * UNMAP range as it unmaps the old place.
 */
TEST_F_TIMEOUT(hugetlb, mremap, MNCK_TIMEOUT)
{
	char *to = PATH_AREA + 2 * self->len;

	ASSERT_EQ(0, hugetlb_map_touched(PATH_AREA, 2 * self->page));
	PATH_ATTACH(&self->path);
	ASSERT_EQ(to, mremap(PATH_AREA, 2 * self->page, 2 * self->page,
			     MREMAP_MAYMOVE | MREMAP_FIXED, to));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA, 2 * self->page, BY_HUGETLB_MOVE),
		      RANGE(UNMAP, PATH_AREA, 2 * self->page, BY_UNMAP));
	EXPECT_EQ(1, *(volatile char *)to);
	EXPECT_NO_RANGES(&self->path);
}

/* A hole begins a range in each mapping of the file, even in one that has no page there. */
TEST_F_TIMEOUT(hugetlb, punch_hole, MNCK_TIMEOUT)
{
	char *second = PATH_AREA + 2 * self->len;

	self->file = map_file_touched(PATH_AREA, self->len);
	ASSERT_LE(0, self->file);
	ASSERT_EQ(0, hugetlb_map_file(second, self->len, self->file));
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, punch_hole(self->file, self->page, self->page));
	EXPECT_RANGES_UNORDERED(&self->path,
				RANGE(CLEAR, PATH_AREA + self->page, self->page,
				      BY_HUGETLB_UNMAP),
				RANGE(CLEAR, second + self->page, self->page, BY_HUGETLB_UNMAP));
}

/* Truncation begins a range of the part that is cut off.  A file that grows begins none. */
TEST_F_TIMEOUT(hugetlb, ftruncate, MNCK_TIMEOUT)
{
	self->file = map_file_touched(PATH_AREA, self->len);
	ASSERT_LE(0, self->file);
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, ftruncate(self->file, 2 * self->page));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA + 2 * self->page, 2 * self->page,
					 BY_HUGETLB_UNMAP));
	ASSERT_EQ(0, ftruncate(self->file, self->len));
	EXPECT_NO_RANGES(&self->path);
}

/*
 * mprotect() begins a range for each VMA, even for untouched memory:
 * hugetlb_change_protection() begins it before it looks at page tables.  mprotect() of other
 * untouched memory begins no range, see protect.c.
 */
TEST_F_TIMEOUT(hugetlb, mprotect, MNCK_TIMEOUT)
{
	char *untouched = PATH_AREA + 2 * self->len;

	ASSERT_EQ(0, hugetlb_map_touched(PATH_AREA, 2 * self->page));
	ASSERT_EQ(0, hugetlb_map(untouched, self->page));
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, mprotect(PATH_AREA, self->page, PROT_READ));
	EXPECT_RANGES(&self->path,
		      RANGE(PROTECTION_VMA, PATH_AREA, self->page, BY_HUGETLB_PROTECT));
	ASSERT_EQ(0, mprotect(PATH_AREA, 2 * self->page, PROT_NONE));
	EXPECT_RANGES(&self->path,
		      RANGE(PROTECTION_VMA, PATH_AREA, self->page, BY_HUGETLB_PROTECT),
		      RANGE(PROTECTION_VMA, PATH_AREA + self->page, self->page,
			    BY_HUGETLB_PROTECT));
	ASSERT_EQ(0, mprotect(untouched, self->page, PROT_READ));
	EXPECT_RANGES(&self->path,
		      RANGE(PROTECTION_VMA, untouched, self->page, BY_HUGETLB_PROTECT));
}

/*
 * MADV_DONTNEED and munmap() begin the ranges that other memory has.  munmap() of a part of
 * a page fails, and begins none.
 */
TEST_F_TIMEOUT(hugetlb, unmapped, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, hugetlb_map_touched(PATH_AREA, self->len));
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, madvise(PATH_AREA, self->page, MADV_DONTNEED));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA, self->page, BY_ZAP));
	ASSERT_EQ(0, munmap(PATH_AREA + self->page, self->page));
	EXPECT_RANGES(&self->path, RANGE(UNMAP, PATH_AREA + self->page, self->page, BY_UNMAP));
	ASSERT_EQ(-1, munmap(PATH_AREA + 2 * self->page, getpagesize()));
	EXPECT_NO_RANGES(&self->path);
	ASSERT_EQ(0, munmap(PATH_AREA, self->len));
	EXPECT_RANGES(&self->path, RANGE(UNMAP, PATH_AREA, self->len, BY_UNMAP));
}

/* New mappings, reads, writes, locks and an unchanged protection begin no range. */
TEST_F_TIMEOUT(hugetlb, silent, MNCK_TIMEOUT)
{
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, hugetlb_map(PATH_AREA, self->len));
	EXPECT_EQ(0, *(volatile char *)PATH_AREA);
	PATH_AREA[0] = 1;
	PATH_AREA[self->page] = 1;
	ASSERT_EQ(0, mlock(PATH_AREA, self->page));
	ASSERT_EQ(0, munlock(PATH_AREA, self->page));
	ASSERT_EQ(0, mprotect(PATH_AREA, self->page, PROT_READ | PROT_WRITE));
	EXPECT_NO_RANGES(&self->path);
}

TEST_HARNESS_MAIN
