// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that is unmapped: UNMAP, once for each call, of the range that goes,
 * whether there is anything in it or not.
 */
#include "mnck_harness.h"
#include "path.h"

FIXTURE(unmap)
{
	struct path path;
	size_t page;
};

FIXTURE_SETUP(unmap)
{
	self->path.fd = -1;
	self->page = getpagesize();
	ASSERT_EQ(0, small_pages());
	ASSERT_EQ(0, map_pages(PATH_AREA, 8 * self->page));
	ASSERT_EQ(0, own_pages());
	PATH_ATTACH(&self->path);
}

FIXTURE_TEARDOWN(unmap)
{
	EXPECT_STREQ("", path_close(&self->path));
}

TEST_F_TIMEOUT(unmap, munmap, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, munmap(PATH_AREA + self->page, 2 * self->page));
	EXPECT_RANGES(&self->path, RANGE(UNMAP, PATH_AREA + self->page, 2 * self->page, BY_UNMAP));
	/* Where nothing is mapped there is nobody to tell. */
	ASSERT_EQ(0, munmap(PATH_AREA + self->page, 2 * self->page));
	EXPECT_NO_RANGES(&self->path);
}

/* A secondary MMU may know of memory that the process never touched. */
TEST_F_TIMEOUT(unmap, untouched, MNCK_TIMEOUT)
{
	char *p = PATH_AREA + 16 * self->page;

	ASSERT_EQ(0, map_untouched(p, 4 * self->page));
	ASSERT_EQ(0, munmap(p, 4 * self->page));
	EXPECT_RANGES(&self->path, RANGE(UNMAP, p, 4 * self->page, BY_UNMAP));
}

/* One range, however many VMAs it has and what is between them. */
TEST_F_TIMEOUT(unmap, two_vmas, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, munmap(PATH_AREA + 3 * self->page, self->page));
	EXPECT_RANGES(&self->path, RANGE(UNMAP, PATH_AREA + 3 * self->page, self->page, BY_UNMAP));
	ASSERT_EQ(0, munmap(PATH_AREA, 8 * self->page));
	EXPECT_RANGES(&self->path, RANGE(UNMAP, PATH_AREA, 8 * self->page, BY_UNMAP));
}

/* Memory that is mapped over. */
TEST_F_TIMEOUT(unmap, map_fixed, MNCK_TIMEOUT)
{
	char *p = PATH_AREA + 2 * self->page;

	ASSERT_EQ(p, mmap(p, 3 * self->page, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	EXPECT_RANGES(&self->path, RANGE(UNMAP, p, 3 * self->page, BY_UNMAP));
}

/* Memory that nobody unmaps is not for anybody to know. */
TEST_F_TIMEOUT(unmap, silent, MNCK_TIMEOUT)
{
	char *p = PATH_AREA + 16 * self->page;

	ASSERT_EQ(0, map_pages(p, 4 * self->page));
	ASSERT_EQ(0, mlock(p, 4 * self->page));
	ASSERT_EQ(0, munlock(p, 4 * self->page));
	ASSERT_EQ(-1, munmap(p + 1, self->page));
	EXPECT_NO_RANGES(&self->path);
}

TEST_HARNESS_MAIN
