// SPDX-License-Identifier: GPL-2.0
/*
 * Drives move_page_tables() of mm/mremap.c, by mremap().
 *
 * A subscriber must see two UNMAP ranges of the memory that moves: one from
 * move_page_tables(), which moves the pages, and one from unmap_vmas(), which unmaps the
 * old place.  The new place has an UNMAP range only if memory was mapped there.
 */
#include "mnck_harness.h"
#include "path.h"

#define BY_MOVE "move_page_tables copy_vma_and_data move_vma"

/* The two ranges of memory that moves away, and no other range. */
#define EXPECT_MOVED(_from, _len)                               \
	EXPECT_RANGES(&self->path, RANGE(UNMAP, _from, _len, BY_MOVE), \
		      RANGE(UNMAP, _from, _len, BY_UNMAP))

#define MOVE_TO (MREMAP_MAYMOVE | MREMAP_FIXED)

FIXTURE(remap)
{
	struct path path;
	size_t page;
	/* Eight pages. */
	char *from;
	/* Where nothing is mapped. */
	char *to;
};

FIXTURE_SETUP(remap)
{
	self->page = getpagesize();
	self->from = PATH_AREA;
	self->to = PATH_AREA + 64 * self->page;
	PATH_ATTACH_AREA(&self->path, 8 * self->page);
}

FIXTURE_TEARDOWN(remap)
{
	EXPECT_STREQ("", path_close(&self->path));
}

/* A move begins two ranges of the old place and none of the new one, where nothing was. */
TEST_F_TIMEOUT(remap, move, MNCK_TIMEOUT)
{
	size_t len = 4 * self->page;

	ASSERT_EQ(self->to, mremap(self->from, len, len, MOVE_TO, self->to));
	EXPECT_MOVED(self->from, len);
	EXPECT_EQ(0x5a, self->to[len - 1]);
}

/*
 * A move of untouched memory begins both ranges too: move_page_tables() begins its range
 * before it looks at page tables.
 */
TEST_F_TIMEOUT(remap, untouched, MNCK_TIMEOUT)
{
	char *from = PATH_AREA + 16 * self->page;
	size_t len = 4 * self->page;

	ASSERT_EQ(0, map_untouched(from, len));
	ASSERT_EQ(self->to, mremap(from, len, len, MOVE_TO, self->to));
	EXPECT_MOVED(from, len);
}

/*
 * mremap() first unmaps what is mapped at the new place: one range of the whole new place,
 * however much of it is mapped.
 */
TEST_F_TIMEOUT(remap, onto, MNCK_TIMEOUT)
{
	size_t len = 4 * self->page;

	ASSERT_EQ(0, map_untouched(self->to + self->page, self->page));
	ASSERT_EQ(self->to, mremap(self->from, len, len, MOVE_TO, self->to));
	EXPECT_RANGES(&self->path,
		      RANGE(UNMAP, self->to, len, BY_UNMAP),
		      RANGE(UNMAP, self->from, len, BY_MOVE),
		      RANGE(UNMAP, self->from, len, BY_UNMAP));
}

/* Each VMA moves by itself, with two ranges of its own: see remap_move(). */
TEST_F_TIMEOUT(remap, two_vmas, MNCK_TIMEOUT)
{
	char *second = self->from + 3 * self->page;
	size_t len = 5 * self->page;

	ASSERT_EQ(0, munmap(self->from + 2 * self->page, self->page));
	EXPECT_RANGES(&self->path,
		      RANGE(UNMAP, self->from + 2 * self->page, self->page, BY_UNMAP));
	ASSERT_EQ(self->to, mremap(self->from, len, len, MOVE_TO, self->to));
	EXPECT_RANGES(&self->path,
		      RANGE(UNMAP, self->from, 2 * self->page, BY_MOVE),
		      RANGE(UNMAP, self->from, 2 * self->page, BY_UNMAP),
		      RANGE(UNMAP, second, 2 * self->page, BY_MOVE),
		      RANGE(UNMAP, second, 2 * self->page, BY_UNMAP));
}

/* A mapping that shrinks in place is unmapped at its end. */
TEST_F_TIMEOUT(remap, shrink, MNCK_TIMEOUT)
{
	char *tail = self->from + 5 * self->page;

	ASSERT_EQ(self->from, mremap(self->from, 8 * self->page, 5 * self->page, 0));
	EXPECT_RANGES(&self->path, RANGE(UNMAP, tail, 3 * self->page, BY_UNMAP));
}

/* A mapping that moves and shrinks is first unmapped at its end. */
TEST_F_TIMEOUT(remap, move_and_shrink, MNCK_TIMEOUT)
{
	size_t len = 5 * self->page;

	ASSERT_EQ(self->to, mremap(self->from, 8 * self->page, len, MOVE_TO, self->to));
	EXPECT_RANGES(&self->path,
		      RANGE(UNMAP, self->from + len, 3 * self->page, BY_UNMAP),
		      RANGE(UNMAP, self->from, len, BY_MOVE),
		      RANGE(UNMAP, self->from, len, BY_UNMAP));
}

/* A mapping that moves and grows has ranges of its old length. */
TEST_F_TIMEOUT(remap, move_and_grow, MNCK_TIMEOUT)
{
	size_t len = 4 * self->page;

	ASSERT_EQ(self->to, mremap(self->from, len, 2 * len, MOVE_TO, self->to));
	EXPECT_MOVED(self->from, len);
}

/*
 * A mapping that cannot grow in place moves to an address of the kernel's choice, outside
 * PATH_AREA.
 */
TEST_F_TIMEOUT(remap, grow_elsewhere, MNCK_TIMEOUT)
{
	size_t len = 4 * self->page;

	ASSERT_NE(MAP_FAILED, mremap(self->from, len, 5 * self->page, MREMAP_MAYMOVE));
	EXPECT_MOVED(self->from, len);
}

/* With MREMAP_DONTUNMAP the pages move and the mapping stays, so that one range is enough. */
TEST_F_TIMEOUT(remap, dont_unmap, MNCK_TIMEOUT)
{
	size_t len = 4 * self->page;

	ASSERT_EQ(self->to,
		  mremap(self->from, len, len, MOVE_TO | MREMAP_DONTUNMAP, self->to));
	EXPECT_RANGES(&self->path, RANGE(UNMAP, self->from, len, BY_MOVE));
	EXPECT_EQ(0, self->from[0]);
	EXPECT_EQ(0x5a, self->to[0]);
}

/* Moves @_len untouched bytes but for the first and the last, and expects @... */
#define MOVE_ENDS(_from, _to, _len, ...)                        \
	do {                                                    \
		ASSERT_EQ(0, map_untouched(_from, _len));       \
		(_from)[0] = 1;                                 \
		(_from)[(_len) - 1] = 2;                        \
		ASSERT_EQ(_to, mremap(_from, _len, _len, MOVE_TO, _to)); \
		__VA_ARGS__;                                    \
		EXPECT_EQ(1, (_to)[0]);                         \
		EXPECT_EQ(2, (_to)[(_len) - 1]);                \
	} while (0)

/* Memory of several page tables has one range from move_page_tables(). */
TEST_F_TIMEOUT(remap, two_tables, MNCK_TIMEOUT)
{
	size_t len = 2 * pmd_size();
	char *from = PATH_AREA + 4 * pmd_size() + pmd_size() / 2;
	char *to = PATH_AREA + 16 * pmd_size() + self->page;

	MOVE_ENDS(from, to, len, EXPECT_MOVED(from, len));
}

/*
 * The range of move_page_tables() may begin earlier, where the first page table begins:
 * try_realign_addr() does that to move whole page tables, if the old and the new place have
 * the same offset in their page tables and nothing is mapped below them there.
 */
TEST_F_TIMEOUT(remap, whole_tables, MNCK_TIMEOUT)
{
	size_t half = pmd_size() / 2, len = 2 * pmd_size();
	char *from = PATH_AREA + 4 * pmd_size() + half;
	char *to = PATH_AREA + 16 * pmd_size() + half;

	MOVE_ENDS(from, to, len,
		  EXPECT_RANGES_WITHIN(&self->path, from - half, half + len,
				       RANGE(UNMAP, from, len, BY_MOVE),
				       RANGE(UNMAP, from, len, BY_UNMAP)));
}

/* The ranges are the same if the kernel moves a whole PUD entry (CONFIG_HAVE_MOVE_PUD). */
TEST_F_TIMEOUT(remap, whole_pud, MNCK_TIMEOUT)
{
	const size_t len = pud_size();
	char *from = PATH_AREA + 2 * len, *to = PATH_AREA + 5 * len;

	ASSERT_EQ(from, mmap(from, len, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE,
			     -1, 0));
	from[len - 1] = 1;
	ASSERT_EQ(to, mremap(from, len, len, MOVE_TO, to));
	EXPECT_MOVED(from, len);
	EXPECT_EQ(1, to[len - 1]);
}

/*
 * mremap() begins no range if no page moves: when a mapping grows in place or keeps its
 * place and size, when the call fails, and when an old length of 0 maps shared memory a
 * second time.
 */
TEST_F_TIMEOUT(remap, silent, MNCK_TIMEOUT)
{
	char *shared = PATH_AREA + 128 * self->page;
	size_t len = 8 * self->page;

	ASSERT_EQ(self->from, mremap(self->from, len, len + self->page, 0));
	ASSERT_EQ(self->from, mremap(self->from, len, len, MREMAP_MAYMOVE));
	EXPECT_ERRNO(EINVAL, (long)mremap(self->from, len, len, MOVE_TO, self->from + len / 2));
	EXPECT_ERRNO(EFAULT, (long)mremap(self->to, len, len, MREMAP_MAYMOVE));

	ASSERT_EQ(0, map_shared(shared, len));
	ASSERT_EQ(self->to, mremap(shared, 0, len, MOVE_TO, self->to));
	EXPECT_EQ(0x5a, self->to[0]);
	EXPECT_NO_RANGES(&self->path);
}

TEST_HARNESS_MAIN
