// SPDX-License-Identifier: GPL-2.0
/*
 * Drives three functions by mapped files: zap_vma_range_batched(), by holes in a file of tmpfs
 * and its truncation; page_vma_mkclean_one(), by the write-back of a disk; and wp_page_copy(),
 * by writes to a private mapping.
 *
 * A subscriber must see a CLEAR range, in each mapping, of a part that is removed from a file;
 * a PROTECTION_PAGE range of each page that is written back, which becomes read-only so that
 * the kernel notices the next write; and a CLEAR range of a page that a private mapping copies.
 */
#include "mnck_harness.h"
#include "option.h"
#include "path.h"

#define BY_CLEAN "page_vma_mkclean_one page_mkclean_one"

/* A RAM disk: its pages are written back, and it needs no file system. */
#define DISK "/dev/ram1"

#define PAGES 8

FIXTURE(files)
{
	struct path path;
	size_t page;
	int memfd;
	int disk;
	/* Where the memfd is mapped. */
	char *shared;
	char *private;
	/* Where more can be mapped. */
	char *other;
};

FIXTURE_SETUP(files)
{
	REQUIRE_OPTION(has_memfd(), "MEMFD_CREATE");
	REQUIRE_OPTION(has_second_ram_disk(), "BLK_DEV_RAM, and CONFIG_BLK_DEV_RAM_COUNT=2");
	self->page = getpagesize();
	self->shared = PATH_AREA;
	self->private = PATH_AREA + 64 * self->page;
	self->other = PATH_AREA + 128 * self->page;
	ASSERT_EQ(0, small_pages());
	self->memfd = map_memfd(self->shared, PAGES * self->page);
	ASSERT_LE(0, self->memfd) TH_LOG("%m");
	self->disk = open(DISK, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->disk) TH_LOG("%m: " DISK);
	memset(self->shared, 0x5a, PAGES * self->page);
	PATH_ATTACH(&self->path);
}

FIXTURE_TEARDOWN(files)
{
	close(self->disk);
	close(self->memfd);
	EXPECT_STREQ("", path_close(&self->path));
}

/* Maps the memfd privately too, and writes to the first four pages, which copies them. */
#define MAP_PRIVATELY()                                         \
	do {                                                    \
		ASSERT_EQ(0, map_file(self->private, PAGES * self->page, MAP_PRIVATE, \
				      self->memfd));            \
		memset(self->private, 0x33, 4 * self->page);    \
		EXPECT_NO_RANGES(&self->path);                  \
	} while (0)

/*
 * Maps the disk so that each of its folios has one page: write-back cleans a whole folio
 * at once, and readahead, which MADV_RANDOM turns off, makes folios of several pages.
 */
#define MAP_DISK(_at, _pages)                                   \
	do {                                                    \
		ASSERT_EQ(0, map_file(_at, (_pages) * self->page, MAP_SHARED, self->disk)); \
		ASSERT_EQ(0, madvise(_at, (_pages) * self->page, MADV_RANDOM)); \
	} while (0)

/* A hole in a file begins a range of the hole in a shared mapping. */
TEST_F_TIMEOUT(files, punch, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, punch_hole(self->memfd, 2 * self->page, 3 * self->page));
	EXPECT_RANGES(&self->path,
		      RANGE(CLEAR, self->shared + 2 * self->page, 3 * self->page, BY_ZAP));
	EXPECT_EQ(0, self->shared[2 * self->page]);
}

/*
 * A hole begins a range in a private mapping too.  Pages that the mapping has copied stay,
 * but zap_vma_range_batched() begins the range before it looks for others.  The order of
 * the mappings is not defined.
 */
TEST_F_TIMEOUT(files, punch_private, MNCK_TIMEOUT)
{
	MAP_PRIVATELY();
	ASSERT_EQ(0, punch_hole(self->memfd, 2 * self->page, 3 * self->page));
	EXPECT_RANGES_UNORDERED(&self->path,
				RANGE(CLEAR, self->shared + 2 * self->page, 3 * self->page,
				      BY_ZAP),
				RANGE(CLEAR, self->private + 2 * self->page, 3 * self->page,
				      BY_ZAP));
	EXPECT_EQ(0x33, self->private[2 * self->page]);
	EXPECT_EQ(0, self->private[4 * self->page]);
}

/* The range in each mapping is the part of the hole that it maps. */
TEST_F_TIMEOUT(files, punch_part, MNCK_TIMEOUT)
{
	char *part = self->other;

	ASSERT_EQ(part, mmap(part, 2 * self->page, PROT_READ, MAP_SHARED | MAP_FIXED_NOREPLACE,
			     self->memfd, 4 * self->page));
	ASSERT_EQ(0, punch_hole(self->memfd, 2 * self->page, 3 * self->page));
	EXPECT_RANGES_UNORDERED(&self->path,
				RANGE(CLEAR, self->shared + 2 * self->page, 3 * self->page,
				      BY_ZAP),
				RANGE(CLEAR, part, self->page, BY_ZAP));
}

/*
 * A hole of less than a page begins no range: shmem_fallocate() unmaps whole pages only,
 * and zeroes the rest in place.
 */
TEST_F_TIMEOUT(files, punch_less, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, punch_hole(self->memfd, self->page + 1, self->page - 1));
	EXPECT_NO_RANGES(&self->path);
	EXPECT_EQ(0x5a, self->shared[self->page]);
	EXPECT_EQ(0, self->shared[self->page + 1]);
}

/* MADV_REMOVE punches a hole in the file that is mapped there. */
TEST_F_TIMEOUT(files, remove, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, madvise(self->shared + self->page, 2 * self->page, MADV_REMOVE));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, self->shared + self->page, 2 * self->page, BY_ZAP));
	EXPECT_EQ(0, self->shared[self->page]);
}

/*
 * Truncation of tmpfs begins two ranges in each mapping, from the first whole page behind
 * the new end on: shmem_setattr() unmaps the pages before it frees them, and again after it
 * has freed them, since private mappings may have copied pages meanwhile.  Private copies are
 * unmapped too.  A file that grows begins no range.
 */
TEST_F_TIMEOUT(files, truncate, MNCK_TIMEOUT)
{
	char *shared = self->shared + 3 * self->page, *private = self->private + 3 * self->page;
	size_t len = 5 * self->page;

	MAP_PRIVATELY();
	/* The third page is cut by one byte, and stays. */
	ASSERT_EQ(0, ftruncate(self->memfd, 3 * self->page - 1));
	EXPECT_RANGES_UNORDERED(&self->path,
				RANGE(CLEAR, shared, len, BY_ZAP),
				RANGE(CLEAR, private, len, BY_ZAP),
				RANGE(CLEAR, shared, len, BY_ZAP),
				RANGE(CLEAR, private, len, BY_ZAP));
	ASSERT_EQ(0, ftruncate(self->memfd, 4 * self->page));
	EXPECT_EQ(0, private[0]);
	EXPECT_NO_RANGES(&self->path);
}

/*
 * Write-back begins a range for each dirty page, in which page_vma_mkclean_one() makes it
 * clean and read-only.  A clean page is not written, and a write that makes it dirty again
 * begins no range.
 */
TEST_F_TIMEOUT(files, write_back, MNCK_TIMEOUT)
{
	char *p = self->other;

	MAP_DISK(p, 4);
	p[0] = 1;
	p[2 * self->page] = 1;
	EXPECT_NO_RANGES(&self->path);
	ASSERT_EQ(0, msync(p, 4 * self->page, MS_SYNC));
	EXPECT_RANGES(&self->path,
		      RANGE(PROTECTION_PAGE, p, self->page, BY_CLEAN),
		      RANGE(PROTECTION_PAGE, p + 2 * self->page, self->page, BY_CLEAN));
	ASSERT_EQ(0, msync(p, 4 * self->page, MS_SYNC));
	EXPECT_NO_RANGES(&self->path);
	p[1] = 2;
	EXPECT_NO_RANGES(&self->path);
	ASSERT_EQ(0, fsync(self->disk));
	EXPECT_RANGES(&self->path, RANGE(PROTECTION_PAGE, p, self->page, BY_CLEAN));
}

/*
 * Write-back begins a range in each shared mapping of a page, even in one that only read
 * it.  invalid_mkclean_vma() skips private mappings.
 */
TEST_F_TIMEOUT(files, write_back_twice, MNCK_TIMEOUT)
{
	char *p = self->other, *second = PATH_AREA + 256 * self->page;
	char *private = PATH_AREA + 512 * self->page;

	MAP_DISK(p, 4);
	MAP_DISK(second, 4);
	ASSERT_EQ(0, map_file(private, self->page, MAP_PRIVATE, self->disk));
	p[0] = 1;
	EXPECT_EQ(1, *(volatile char *)second);
	EXPECT_EQ(1, *(volatile char *)private);
	ASSERT_EQ(0, msync(p, self->page, MS_SYNC));
	EXPECT_RANGES_UNORDERED(&self->path,
				RANGE(PROTECTION_PAGE, p, self->page, BY_CLEAN),
				RANGE(PROTECTION_PAGE, second, self->page, BY_CLEAN));
}

/*
 * A private mapping that has read a page of the file and then writes to it gets a copy:
 * wp_page_copy() begins a range.  A second write finds the copy.
 */
TEST_F_TIMEOUT(files, copy, MNCK_TIMEOUT)
{
	char *p = self->private + 5 * self->page;

	MAP_PRIVATELY();
	EXPECT_EQ(0x5a, *(volatile char *)p);
	EXPECT_NO_RANGES(&self->path);
	*p = 1;
	EXPECT_RANGES(&self->path, RANGE(CLEAR, p, self->page, BY_COPY));
	*p = 2;
	EXPECT_NO_RANGES(&self->path);
}

/*
 * Reads, writes to a shared mapping, and a file that grows or gets pages begin no range.
 * msync() begins none either for tmpfs, which writes nothing back.
 */
TEST_F_TIMEOUT(files, silent, MNCK_TIMEOUT)
{
	char *p = self->other;
	char sum = 0;

	ASSERT_EQ(0, ftruncate(self->memfd, 2 * PAGES * self->page));
	ASSERT_EQ(0, fallocate(self->memfd, 0, PAGES * self->page, PAGES * self->page));
	ASSERT_EQ(0, map_file(p, 2 * PAGES * self->page, MAP_SHARED, self->memfd));
	for (size_t at = 0; at < PAGES * self->page; at += self->page)
		sum += *(volatile char *)(p + at);
	EXPECT_EQ((char)(PAGES * 0x5a), sum);
	memset(p, 1, 2 * PAGES * self->page);
	ASSERT_EQ(0, msync(p, 2 * PAGES * self->page, MS_SYNC));
	ASSERT_EQ(1, pwrite(self->memfd, "2", 1, 0));
	EXPECT_EQ('2', *(volatile char *)p);
	EXPECT_NO_RANGES(&self->path);
}

TEST_HARNESS_MAIN
