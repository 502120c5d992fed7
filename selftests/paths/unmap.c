// SPDX-License-Identifier: GPL-2.0
/*
 * Drives unmap_vmas() of mm/memory.c, by munmap() and by a mapping that replaces others.
 *
 * A subscriber must see one UNMAP range for each call: all that the call unmaps, whether
 * it has pages or not.
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
	self->page = getpagesize();
	PATH_ATTACH_AREA(&self->path, 8 * self->page);
}

FIXTURE_TEARDOWN(unmap)
{
	EXPECT_STREQ("", path_close(&self->path));
}

/* munmap() begins one range.  Where nothing is mapped, it returns before unmap_vmas(). */
TEST_F_TIMEOUT(unmap, munmap, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, munmap(PATH_AREA + self->page, 2 * self->page));
	EXPECT_RANGES(&self->path,
		      RANGE(UNMAP, PATH_AREA + self->page, 2 * self->page, BY_UNMAP));
	ASSERT_EQ(0, munmap(PATH_AREA + self->page, 2 * self->page));
	EXPECT_NO_RANGES(&self->path);
}

/*
 * munmap() of memory that the process never touched begins a range too: a secondary MMU may
 * know the memory, and unmap_vmas() looks at no page table before it begins the range.
 */
TEST_F_TIMEOUT(unmap, untouched, MNCK_TIMEOUT)
{
	char *p = PATH_AREA + 16 * self->page;

	ASSERT_EQ(0, map_untouched(p, 4 * self->page));
	ASSERT_EQ(0, munmap(p, 4 * self->page));
	EXPECT_RANGES(&self->path, RANGE(UNMAP, p, 4 * self->page, BY_UNMAP));
}

/*
 * One munmap() begins one range, which covers all its VMAs and the holes between them:
 * vms_gather_munmap_vmas() collects the VMAs for one call of unmap_vmas().
 */
TEST_F_TIMEOUT(unmap, two_vmas, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, munmap(PATH_AREA + 3 * self->page, self->page));
	EXPECT_RANGES(&self->path,
		      RANGE(UNMAP, PATH_AREA + 3 * self->page, self->page, BY_UNMAP));
	ASSERT_EQ(0, munmap(PATH_AREA, 8 * self->page));
	EXPECT_RANGES(&self->path, RANGE(UNMAP, PATH_AREA, 8 * self->page, BY_UNMAP));
}

/* mmap() with MAP_FIXED unmaps what it replaces, with the range of an munmap(). */
TEST_F_TIMEOUT(unmap, map_fixed, MNCK_TIMEOUT)
{
	char *p = PATH_AREA + 2 * self->page;

	ASSERT_EQ(p, mmap(p, 3 * self->page, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	EXPECT_RANGES(&self->path, RANGE(UNMAP, p, 3 * self->page, BY_UNMAP));
}

/* New mappings, first writes, mlock(), munlock() and an munmap() that fails begin no range. */
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
