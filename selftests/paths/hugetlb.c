// SPDX-License-Identifier: GPL-2.0
/*
 * Pages of hugetlb: they have paths of their own for nearly all that is done to memory,
 * and not always the event that other memory gets (fork, mremap).
 *
 * Where a mapping of a file has all that a PUD maps, its page table may be shared with
 * another mapping, and then goes as a whole when this one needs its own.  So all that a
 * PUD maps may be told (hugetlb_shared.c).
 */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "hugetlb.h"
#include "mnck_harness.h"
#include "option.h"
#include "path.h"

#define FORK "copy_hugetlb_page_range"
#define COW "hugetlb_wp hugetlb_fault"
#define MPROTECT "hugetlb_change_protection"
#define MOVE "move_hugetlb_page_tables"

/* In all tests as many as are mapped, and one to be copied to. */
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
	self->path.fd = -1;
	self->file = -1;
	REQUIRE_OPTION(has_hugetlb(), "HUGETLBFS");
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

static int map_touched(char *start, size_t len)
{
	if (hugetlb_map(start, len))
		return -1;
	memset(start, 1, len);
	return 0;
}

static int map_file_touched(char *start, size_t len)
{
	int fd = hugetlb_file(len);

	if (fd < 0 || hugetlb_map_file(start, len, fd))
		return -1;
	memset(start, 1, len);
	return fd;
}

/* CLEAR, while other memory is told PROTECTION_PAGE; of the VMA, in either case. */
TEST_F_TIMEOUT(hugetlb, fork, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, hugetlb_map(PATH_AREA, self->len));
	PATH_AREA[self->page] = 1;
	PATH_ATTACH(&self->path);
	self->child = child_start();
	ASSERT_LT(0, self->child);
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA, self->len, FORK));
}

/* What the child will have to fault in by itself, or has the same of, is not touched. */
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

/* Who writes to what a child has too gets a copy; who has it alone writes to it. */
TEST_F_TIMEOUT(hugetlb, write, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, map_touched(PATH_AREA, 2 * self->page));
	self->child = child_start();
	ASSERT_LT(0, self->child);
	PATH_ATTACH(&self->path);
	/* The page, wherever in it. */
	PATH_AREA[self->page + self->page / 2] = 2;
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA + self->page, self->page, COW));

	ASSERT_EQ(0, child_kill(&self->child));
	PATH_AREA[0] = 2;
	EXPECT_NO_RANGES(&self->path);
}

/*
 * When there is no page to copy to, who has reserved it keeps it, and it is taken from
 * the child: which is told, by its parent.
 */
TEST_F_TIMEOUT(hugetlb, taken_from_child, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, map_touched(PATH_AREA, (PAGES + 1) * self->page));
	self->child = child_start();
	ASSERT_LT(0, self->child);
	PATH_ATTACH_TO(&self->path, self->child, PATH_LIVES);
	PATH_AREA[self->page] = 2;
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA + self->page, self->page,
					 "unmap_hugepage_range unmap_ref_private hugetlb_wp"));
}

/* CLEAR, not UNMAP as of other memory that moves; then what is left there is unmapped. */
TEST_F_TIMEOUT(hugetlb, mremap, MNCK_TIMEOUT)
{
	char *to = PATH_AREA + 2 * self->len;

	ASSERT_EQ(0, map_touched(PATH_AREA, 2 * self->page));
	PATH_ATTACH(&self->path);
	ASSERT_EQ(to, mremap(PATH_AREA, 2 * self->page, 2 * self->page,
			     MREMAP_MAYMOVE | MREMAP_FIXED, to));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA, 2 * self->page, MOVE),
		      RANGE(UNMAP, PATH_AREA, 2 * self->page, BY_UNMAP));
	EXPECT_EQ(1, *(volatile char *)to);
	EXPECT_NO_RANGES(&self->path);
}

/* From all mappings of it, whether they have the page or not. */
TEST_F_TIMEOUT(hugetlb, punch_hole, MNCK_TIMEOUT)
{
	char *second = PATH_AREA + 2 * self->len;

	self->file = map_file_touched(PATH_AREA, self->len);
	ASSERT_LE(0, self->file);
	ASSERT_EQ(0, hugetlb_map_file(second, self->len, self->file));
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, fallocate(self->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, self->page,
			       self->page));
	EXPECT_RANGES_UNORDERED(&self->path,
				RANGE(CLEAR, PATH_AREA + self->page, self->page,
				      "unmap_hugepage_range"),
				RANGE(CLEAR, second + self->page, self->page,
				      "unmap_hugepage_range"));
}

TEST_F_TIMEOUT(hugetlb, ftruncate, MNCK_TIMEOUT)
{
	self->file = map_file_touched(PATH_AREA, self->len);
	ASSERT_LE(0, self->file);
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, ftruncate(self->file, 2 * self->page));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA + 2 * self->page, 2 * self->page,
					 "unmap_hugepage_range"));
	/* What grows is nothing to anybody. */
	ASSERT_EQ(0, ftruncate(self->file, self->len));
	EXPECT_NO_RANGES(&self->path);
}

/* It is told of what was never touched, too, which other memory is not. */
TEST_F_TIMEOUT(hugetlb, mprotect, MNCK_TIMEOUT)
{
	char *untouched = PATH_AREA + 2 * self->len;

	ASSERT_EQ(0, map_touched(PATH_AREA, 2 * self->page));
	ASSERT_EQ(0, hugetlb_map(untouched, self->page));
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, mprotect(PATH_AREA, self->page, PROT_READ));
	EXPECT_RANGES(&self->path, RANGE(PROTECTION_VMA, PATH_AREA, self->page, MPROTECT));
	ASSERT_EQ(0, mprotect(PATH_AREA, 2 * self->page, PROT_NONE));
	EXPECT_RANGES(&self->path, RANGE(PROTECTION_VMA, PATH_AREA, self->page, MPROTECT),
		      RANGE(PROTECTION_VMA, PATH_AREA + self->page, self->page, MPROTECT));
	ASSERT_EQ(0, mprotect(untouched, self->page, PROT_READ));
	EXPECT_RANGES(&self->path, RANGE(PROTECTION_VMA, untouched, self->page, MPROTECT));
}

/* As of other memory. */
TEST_F_TIMEOUT(hugetlb, unmapped, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, map_touched(PATH_AREA, self->len));
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, madvise(PATH_AREA, self->page, MADV_DONTNEED));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA, self->page, BY_ZAP));
	ASSERT_EQ(0, munmap(PATH_AREA + self->page, self->page));
	EXPECT_RANGES(&self->path, RANGE(UNMAP, PATH_AREA + self->page, self->page, BY_UNMAP));
	/* There are no parts of a page. */
	ASSERT_EQ(-1, munmap(PATH_AREA + 2 * self->page, getpagesize()));
	EXPECT_NO_RANGES(&self->path);
	ASSERT_EQ(0, munmap(PATH_AREA, self->len));
	EXPECT_RANGES(&self->path, RANGE(UNMAP, PATH_AREA, self->len, BY_UNMAP));
}

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
