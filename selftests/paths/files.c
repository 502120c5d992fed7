// SPDX-License-Identifier: GPL-2.0
/*
 * Files that are mapped: what is taken out of them, CLEAR in each mapping; pages
 * that are written back, PROTECTION_PAGE, so that the next write is seen; and a
 * private mapping's own copy of a page, CLEAR.
 */
#include "mnck_harness.h"
#include "option.h"
#include "path.h"

#define CLEAN "page_vma_mkclean_one page_mkclean_one"

/* It has pages that are written back, without a file system. */
#define DISK "/dev/ram1"

#define PAGES 8

FIXTURE(files)
{
	struct path path;
	size_t page;
	int memfd;
	int disk;
	/* Of the memfd. */
	char *shared;
	char *private;
};

FIXTURE_SETUP(files)
{
	self->path.fd = -1;
	self->page = getpagesize();
	self->shared = PATH_AREA;
	self->private = PATH_AREA + 64 * self->page;
	ASSERT_EQ(0, small_pages());
	REQUIRE_OPTION(has_memfd(), "MEMFD_CREATE");
	REQUIRE_OPTION(has_second_ram_disk(), "BLK_DEV_RAM_COUNT=2");
	self->memfd = memfd_create("files", MFD_CLOEXEC);
	ASSERT_LE(0, self->memfd);
	self->disk = open(DISK, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->disk) TH_LOG("%m: " DISK);
	ASSERT_EQ(0, ftruncate(self->memfd, PAGES * self->page));
	ASSERT_EQ(self->shared, mmap(self->shared, PAGES * self->page, PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_FIXED_NOREPLACE, self->memfd, 0));
	memset(self->shared, 0x5a, PAGES * self->page);
	PATH_ATTACH(&self->path);
}

FIXTURE_TEARDOWN(files)
{
	close(self->disk);
	close(self->memfd);
	EXPECT_STREQ("", path_close(&self->path));
}

/* The same pages, with what is written to the first four of them for this mapping alone. */
#define MAP_PRIVATELY()                                         \
	do {                                                    \
		ASSERT_EQ(self->private, mmap(self->private, PAGES * self->page, \
					      PROT_READ | PROT_WRITE, \
					      MAP_PRIVATE | MAP_FIXED_NOREPLACE, self->memfd, 0)); \
		memset(self->private, 0x33, 4 * self->page);    \
		EXPECT_NO_RANGES(&self->path);                  \
	} while (0)

/*
 * A disk has pages of all sizes, which are written back each as one.  Those that
 * are read at random, without more around them, are small.
 */
#define MAP_DISK(_at, _pages)                                   \
	do {                                                    \
		ASSERT_EQ(_at, mmap(_at, (_pages) * self->page, PROT_READ | PROT_WRITE, \
				    MAP_SHARED | MAP_FIXED_NOREPLACE, self->disk, 0)); \
		ASSERT_EQ(0, madvise(_at, (_pages) * self->page, MADV_RANDOM)); \
	} while (0)

TEST_F_TIMEOUT(files, punch, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, fallocate(self->memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       2 * self->page, 3 * self->page));
	EXPECT_RANGES(&self->path,
		      RANGE(CLEAR, self->shared + 2 * self->page, 3 * self->page, BY_ZAP));
	EXPECT_EQ(0, self->shared[2 * self->page]);
}

/*
 * Nothing is known of a mapping's own copies, which stay, but that there may be
 * pages that are not: in whichever order.
 */
TEST_F_TIMEOUT(files, punch_private, MNCK_TIMEOUT)
{
	MAP_PRIVATELY();
	ASSERT_EQ(0, fallocate(self->memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       2 * self->page, 3 * self->page));
	EXPECT_RANGES_UNORDERED(&self->path,
				RANGE(CLEAR, self->shared + 2 * self->page, 3 * self->page, BY_ZAP),
				RANGE(CLEAR, self->private + 2 * self->page, 3 * self->page,
				      BY_ZAP));
	EXPECT_EQ(0x33, self->private[2 * self->page]);
	EXPECT_EQ(0, self->private[4 * self->page]);
}

/* Of each mapping what it has of the hole. */
TEST_F_TIMEOUT(files, punch_part, MNCK_TIMEOUT)
{
	char *part = PATH_AREA + 128 * self->page;

	ASSERT_EQ(part, mmap(part, 2 * self->page, PROT_READ, MAP_SHARED | MAP_FIXED_NOREPLACE,
			     self->memfd, 4 * self->page));
	ASSERT_EQ(0, fallocate(self->memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       2 * self->page, 3 * self->page));
	EXPECT_RANGES_UNORDERED(&self->path,
				RANGE(CLEAR, self->shared + 2 * self->page, 3 * self->page, BY_ZAP),
				RANGE(CLEAR, part, self->page, BY_ZAP));
}

/* Less than a page stays where it is, and is zeroed. */
TEST_F_TIMEOUT(files, punch_less, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, fallocate(self->memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       self->page + 1, self->page - 1));
	EXPECT_NO_RANGES(&self->path);
	EXPECT_EQ(0x5a, self->shared[self->page]);
	EXPECT_EQ(0, self->shared[self->page + 1]);
}

/* A hole by way of one of its mappings. */
TEST_F_TIMEOUT(files, remove, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, madvise(self->shared + self->page, 2 * self->page, MADV_REMOVE));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, self->shared + self->page, 2 * self->page, BY_ZAP));
	EXPECT_EQ(0, self->shared[self->page]);
}

/*
 * Once before the pages go and, of tmpfs, once behind that, for copies that were made
 * meanwhile: mappings lose these as well.
 */
TEST_F_TIMEOUT(files, truncate, MNCK_TIMEOUT)
{
	char *shared = self->shared + 3 * self->page, *private = self->private + 3 * self->page;
	size_t len = 5 * self->page;

	MAP_PRIVATELY();
	/* A page that is cut stays. */
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

/* A page at a time, as the pages are written. */
TEST_F_TIMEOUT(files, write_back, MNCK_TIMEOUT)
{
	char *p = PATH_AREA + 128 * self->page;

	MAP_DISK(p, 4);
	p[0] = 1;
	p[2 * self->page] = 1;
	EXPECT_NO_RANGES(&self->path);
	ASSERT_EQ(0, msync(p, 4 * self->page, MS_SYNC));
	EXPECT_RANGES(&self->path,
		      RANGE(PROTECTION_PAGE, p, self->page, CLEAN),
		      RANGE(PROTECTION_PAGE, p + 2 * self->page, self->page, CLEAN));
	/* They are clean. */
	ASSERT_EQ(0, msync(p, 4 * self->page, MS_SYNC));
	EXPECT_NO_RANGES(&self->path);
	/* And are dirty anew. */
	p[1] = 2;
	EXPECT_NO_RANGES(&self->path);
	ASSERT_EQ(0, fsync(self->disk));
	EXPECT_RANGES(&self->path, RANGE(PROTECTION_PAGE, p, self->page, CLEAN));
}

/* Wherever it is mapped and shared, written to there or not. */
TEST_F_TIMEOUT(files, write_back_twice, MNCK_TIMEOUT)
{
	char *p = PATH_AREA + 128 * self->page, *twin = PATH_AREA + 256 * self->page;
	char *private = PATH_AREA + 512 * self->page;

	MAP_DISK(p, 4);
	MAP_DISK(twin, 4);
	ASSERT_EQ(private, mmap(private, self->page, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_FIXED_NOREPLACE, self->disk, 0));
	p[0] = 1;
	EXPECT_EQ(1, *(volatile char *)twin);
	EXPECT_EQ(1, *(volatile char *)private);
	ASSERT_EQ(0, msync(p, self->page, MS_SYNC));
	EXPECT_RANGES_UNORDERED(&self->path,
				RANGE(PROTECTION_PAGE, p, self->page, CLEAN),
				RANGE(PROTECTION_PAGE, twin, self->page, CLEAN));
}

/* Who has looked at a page before he writes to it looks at another one then. */
TEST_F_TIMEOUT(files, copy, MNCK_TIMEOUT)
{
	char *p = self->private + 5 * self->page;

	MAP_PRIVATELY();
	EXPECT_EQ(0x5a, *(volatile char *)p);
	EXPECT_NO_RANGES(&self->path);
	*p = 1;
	EXPECT_RANGES(&self->path, RANGE(CLEAR, p, self->page, BY_COPY));
	/* It is his own. */
	*p = 2;
	EXPECT_NO_RANGES(&self->path);
}

/* To look, to write to what is shared, and to make a file longer or less sparse. */
TEST_F_TIMEOUT(files, silent, MNCK_TIMEOUT)
{
	char *p = PATH_AREA + 128 * self->page;
	char sum = 0;

	ASSERT_EQ(0, ftruncate(self->memfd, 2 * PAGES * self->page));
	ASSERT_EQ(0, fallocate(self->memfd, 0, PAGES * self->page, PAGES * self->page));
	ASSERT_EQ(p, mmap(p, 2 * PAGES * self->page, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_FIXED_NOREPLACE, self->memfd, 0));
	for (size_t at = 0; at < PAGES * self->page; at += self->page)
		sum += *(volatile char *)(p + at);
	EXPECT_EQ((char)(PAGES * 0x5a), sum);
	memset(p, 1, 2 * PAGES * self->page);
	/* Of tmpfs nothing is written back. */
	ASSERT_EQ(0, msync(p, 2 * PAGES * self->page, MS_SYNC));
	ASSERT_EQ(1, pwrite(self->memfd, "2", 1, 0));
	EXPECT_EQ('2', *(volatile char *)p);
	EXPECT_NO_RANGES(&self->path);
}

TEST_HARNESS_MAIN
