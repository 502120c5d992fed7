// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that moves: UNMAP of where it was, first when its pages go and then when
 * the rest does.  Of where it goes to only who was there before is told.
 */
#include "mnck_harness.h"
#include "path.h"

#define MOVE "move_page_tables copy_vma_and_data move_vma"

#define MOVE_TO (MREMAP_MAYMOVE | MREMAP_FIXED)

FIXTURE(remap)
{
	struct path path;
	size_t page;
	/* Eight pages, and somewhere else, where nothing is. */
	char *from;
	char *to;
};

FIXTURE_SETUP(remap)
{
	self->path.fd = -1;
	self->page = getpagesize();
	self->from = PATH_AREA;
	self->to = PATH_AREA + 64 * self->page;
	ASSERT_EQ(0, small_pages());
	ASSERT_EQ(0, map_pages(self->from, 8 * self->page));
	ASSERT_EQ(0, own_pages());
	PATH_ATTACH(&self->path);
}

FIXTURE_TEARDOWN(remap)
{
	EXPECT_STREQ("", path_close(&self->path));
}

TEST_F_TIMEOUT(remap, move, MNCK_TIMEOUT)
{
	size_t len = 4 * self->page;

	ASSERT_EQ(self->to, mremap(self->from, len, len, MOVE_TO, self->to));
	EXPECT_RANGES(&self->path,
		      RANGE(UNMAP, self->from, len, MOVE), RANGE(UNMAP, self->from, len, BY_UNMAP));
	EXPECT_EQ(0x5a, self->to[len - 1]);
}

/* Nothing moves, but nobody knows that before he has looked. */
TEST_F_TIMEOUT(remap, untouched, MNCK_TIMEOUT)
{
	char *from = PATH_AREA + 16 * self->page;
	size_t len = 4 * self->page;

	ASSERT_EQ(0, map_untouched(from, len));
	ASSERT_EQ(self->to, mremap(from, len, len, MOVE_TO, self->to));
	EXPECT_RANGES(&self->path, RANGE(UNMAP, from, len, MOVE),
		      RANGE(UNMAP, from, len, BY_UNMAP));
}

/* What is there goes first: all of the range, whatever of it is mapped. */
TEST_F_TIMEOUT(remap, onto, MNCK_TIMEOUT)
{
	size_t len = 4 * self->page;

	ASSERT_EQ(0, map_untouched(self->to + self->page, self->page));
	ASSERT_EQ(self->to, mremap(self->from, len, len, MOVE_TO, self->to));
	EXPECT_RANGES(&self->path,
		      RANGE(UNMAP, self->to, len, BY_UNMAP),
		      RANGE(UNMAP, self->from, len, MOVE), RANGE(UNMAP, self->from, len, BY_UNMAP));
}

/* Each VMA moves by itself. */
TEST_F_TIMEOUT(remap, two_vmas, MNCK_TIMEOUT)
{
	char *second = self->from + 3 * self->page;
	size_t len = 5 * self->page;

	ASSERT_EQ(0, munmap(self->from + 2 * self->page, self->page));
	EXPECT_RANGES(&self->path, RANGE(UNMAP, self->from + 2 * self->page, self->page, BY_UNMAP));
	ASSERT_EQ(self->to, mremap(self->from, len, len, MOVE_TO, self->to));
	EXPECT_RANGES(&self->path,
		      RANGE(UNMAP, self->from, 2 * self->page, MOVE),
		      RANGE(UNMAP, self->from, 2 * self->page, BY_UNMAP),
		      RANGE(UNMAP, second, 2 * self->page, MOVE),
		      RANGE(UNMAP, second, 2 * self->page, BY_UNMAP));
}

TEST_F_TIMEOUT(remap, shrink, MNCK_TIMEOUT)
{
	char *tail = self->from + 5 * self->page;

	ASSERT_EQ(self->from, mremap(self->from, 8 * self->page, 5 * self->page, 0));
	EXPECT_RANGES(&self->path, RANGE(UNMAP, tail, 3 * self->page, BY_UNMAP));
}

/* What is too much goes before the rest moves. */
TEST_F_TIMEOUT(remap, move_and_shrink, MNCK_TIMEOUT)
{
	size_t len = 5 * self->page;

	ASSERT_EQ(self->to, mremap(self->from, 8 * self->page, len, MOVE_TO, self->to));
	EXPECT_RANGES(&self->path,
		      RANGE(UNMAP, self->from + len, 3 * self->page, BY_UNMAP),
		      RANGE(UNMAP, self->from, len, MOVE), RANGE(UNMAP, self->from, len, BY_UNMAP));
}

TEST_F_TIMEOUT(remap, move_and_grow, MNCK_TIMEOUT)
{
	size_t len = 4 * self->page;

	ASSERT_EQ(self->to, mremap(self->from, len, 2 * len, MOVE_TO, self->to));
	EXPECT_RANGES(&self->path,
		      RANGE(UNMAP, self->from, len, MOVE), RANGE(UNMAP, self->from, len, BY_UNMAP));
}

/* There is no room behind it: it goes wherever there is, out of sight. */
TEST_F_TIMEOUT(remap, grow_elsewhere, MNCK_TIMEOUT)
{
	size_t len = 4 * self->page;

	ASSERT_NE(MAP_FAILED, mremap(self->from, len, 5 * self->page, MREMAP_MAYMOVE));
	EXPECT_RANGES(&self->path,
		      RANGE(UNMAP, self->from, len, MOVE), RANGE(UNMAP, self->from, len, BY_UNMAP));
}

/* The pages go and the mapping stays: it is one UNMAP all the same. */
TEST_F_TIMEOUT(remap, dont_unmap, MNCK_TIMEOUT)
{
	size_t len = 4 * self->page;

	ASSERT_EQ(self->to,
		  mremap(self->from, len, len, MOVE_TO | MREMAP_DONTUNMAP, self->to));
	EXPECT_RANGES(&self->path, RANGE(UNMAP, self->from, len, MOVE));
	EXPECT_EQ(0, self->from[0]);
	EXPECT_EQ(0x5a, self->to[0]);
}

/* What spans page tables is told at once. */
TEST_F_TIMEOUT(remap, two_tables, MNCK_TIMEOUT)
{
	size_t table = self->page * self->page / 8, len = 2 * table;
	char *from = PATH_AREA + 4 * table + table / 2;
	char *to = PATH_AREA + 16 * table + self->page;

	ASSERT_EQ(0, map_untouched(from, len));
	from[0] = 1;
	from[len - 1] = 2;
	ASSERT_EQ(to, mremap(from, len, len, MOVE_TO, to));
	EXPECT_RANGES(&self->path, RANGE(UNMAP, from, len, MOVE),
		      RANGE(UNMAP, from, len, BY_UNMAP));
	EXPECT_EQ(1, to[0]);
	EXPECT_EQ(2, to[len - 1]);
}

/*
 * Where both begin at the same offset into a page table, and nothing is below them
 * in theirs, mm may move whole tables, and say so: from the beginning of the first.
 */
TEST_F_TIMEOUT(remap, whole_tables, MNCK_TIMEOUT)
{
	size_t table = self->page * self->page / 8, len = 2 * table;
	char *from = PATH_AREA + 4 * table + table / 2;
	char *to = PATH_AREA + 16 * table + table / 2;

	ASSERT_EQ(0, map_untouched(from, len));
	from[0] = 1;
	from[len - 1] = 2;
	ASSERT_EQ(to, mremap(from, len, len, MOVE_TO, to));
	EXPECT_RANGES_WITHIN(&self->path, from - table / 2, table / 2 + len,
			     RANGE(UNMAP, from, len, MOVE), RANGE(UNMAP, from, len, BY_UNMAP));
	EXPECT_EQ(1, to[0]);
	EXPECT_EQ(2, to[len - 1]);
}

/* A whole PUD may move as one entry. */
TEST_F_TIMEOUT(remap, whole_pud, MNCK_TIMEOUT)
{
	const size_t len = 1UL << 30;
	char *from = PATH_AREA + 2 * len, *to = PATH_AREA + 5 * len;

	ASSERT_EQ(from, mmap(from, len, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE,
			     -1, 0));
	from[len - 1] = 1;
	ASSERT_EQ(to, mremap(from, len, len, MOVE_TO, to));
	EXPECT_RANGES(&self->path, RANGE(UNMAP, from, len, MOVE),
		      RANGE(UNMAP, from, len, BY_UNMAP));
	EXPECT_EQ(1, to[len - 1]);
}

/* Nothing goes: not where it grows, not where it stays, not where shared memory gets a twin. */
TEST_F_TIMEOUT(remap, silent, MNCK_TIMEOUT)
{
	char *shared = PATH_AREA + 128 * self->page;
	size_t len = 8 * self->page;

	ASSERT_EQ(self->from, mremap(self->from, len, len + self->page, 0));
	ASSERT_EQ(self->from, mremap(self->from, len, len, MREMAP_MAYMOVE));
	EXPECT_ERRNO(EINVAL, (long)mremap(self->from, len, len, MOVE_TO, self->from + len / 2));
	EXPECT_ERRNO(EFAULT, (long)mremap(self->to, len, len, MREMAP_MAYMOVE));

	ASSERT_EQ(shared, mmap(shared, len, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
	shared[0] = 1;
	ASSERT_EQ(self->to, mremap(shared, 0, len, MOVE_TO, self->to));
	EXPECT_EQ(1, self->to[0]);
	EXPECT_NO_RANGES(&self->path);
}

TEST_HARNESS_MAIN
