// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that the process has no use for any more, or wants guarded: CLEAR, of the
 * part of each VMA that the call is about.
 *
 * MADV_REMOVE is in files.c, MADV_PAGEOUT in pageout.c, MADV_COLLAPSE in
 * huge_pages.c, MADV_MERGEABLE in ksm.c, and what poisons in memory_failure.c.
 */
#include <sys/syscall.h>
#include <sys/uio.h>

#include "mnck_harness.h"
#include "path.h"

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE 103
#endif

#define AREA_PAGES 8

FIXTURE(madvise)
{
	struct path path;
	size_t page;
	size_t len;
};

FIXTURE_SETUP(madvise)
{
	self->path.fd = -1;
	self->page = getpagesize();
	self->len = AREA_PAGES * self->page;
	ASSERT_EQ(0, small_pages());
	ASSERT_EQ(0, map_pages(PATH_AREA, self->len));
	ASSERT_EQ(0, own_pages());
	PATH_ATTACH(&self->path);
}

FIXTURE_TEARDOWN(madvise)
{
	EXPECT_STREQ("", path_close(&self->path));
}

TEST_F_TIMEOUT(madvise, dontneed, MNCK_TIMEOUT)
{
	char *p = PATH_AREA + self->page;

	ASSERT_EQ(0, madvise(p, 2 * self->page, MADV_DONTNEED));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, p, 2 * self->page, BY_ZAP));
	/* Whether there is anything to lose is not asked before. */
	ASSERT_EQ(0, madvise(p, 2 * self->page, MADV_DONTNEED));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, p, 2 * self->page, BY_ZAP));
	EXPECT_EQ(0, *p);
}

/* A range for each VMA: unlike an unmapping, which is one for all. */
TEST_F_TIMEOUT(madvise, dontneed_two_vmas, MNCK_TIMEOUT)
{
	char *second = PATH_AREA + 4 * self->page;

	ASSERT_EQ(0, mprotect(second, 4 * self->page, PROT_READ));
	path_collect(&self->path);
	ASSERT_EQ(0, madvise(PATH_AREA + self->page, 5 * self->page, MADV_DONTNEED));
	EXPECT_RANGES(&self->path,
		      RANGE(CLEAR, PATH_AREA + self->page, 3 * self->page, BY_ZAP),
		      RANGE(CLEAR, second, 2 * self->page, BY_ZAP));
}

TEST_F_TIMEOUT(madvise, dontneed_locked, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, mlock(PATH_AREA, self->len));
	EXPECT_NO_RANGES(&self->path);
	EXPECT_ERRNO(EINVAL, madvise(PATH_AREA, self->page, MADV_DONTNEED));
	EXPECT_NO_RANGES(&self->path);
	ASSERT_EQ(0, madvise(PATH_AREA, self->page, MADV_DONTNEED_LOCKED));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA, self->page, BY_ZAP));
}

/* For another process, or itself: each part by itself, in the caller. */
TEST_F_TIMEOUT(madvise, process_madvise, MNCK_TIMEOUT)
{
	struct iovec parts[] = {
		{ PATH_AREA + 4 * self->page, self->page },
		{ PATH_AREA, 2 * self->page },
	};
	int pidfd = syscall(SYS_pidfd_open, getpid(), 0);

	ASSERT_LE(0, pidfd);
	ASSERT_EQ((ssize_t)(3 * self->page),
		  syscall(SYS_process_madvise, pidfd, parts, ARRAY_SIZE(parts), MADV_DONTNEED, 0));
	EXPECT_RANGES(&self->path,
		      RANGE(CLEAR, parts[0].iov_base, parts[0].iov_len, BY_ZAP),
		      RANGE(CLEAR, parts[1].iov_base, parts[1].iov_len, BY_ZAP));
	close(pidfd);
}

/* The page goes when memory is short; from here on it may. */
TEST_F_TIMEOUT(madvise, free, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, madvise(PATH_AREA, self->len, MADV_FREE));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA, self->len, BY_FREE));
}

/* Guards are put where there is no page; pages are cleared away first. */
TEST_F_TIMEOUT(madvise, guard_install, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, madvise(PATH_AREA, 2 * self->page, MADV_GUARD_INSTALL))
		TH_LOG("%m; Linux 6.13 has MADV_GUARD_INSTALL");
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA, 2 * self->page, BY_ZAP));
	/* There are guards now, and no pages. */
	ASSERT_EQ(0, madvise(PATH_AREA, 2 * self->page, MADV_GUARD_INSTALL));
	ASSERT_EQ(0, madvise(PATH_AREA, 2 * self->page, MADV_GUARD_REMOVE));
	EXPECT_NO_RANGES(&self->path);
}

TEST_F_TIMEOUT(madvise, guard_untouched, MNCK_TIMEOUT)
{
	char *p = PATH_AREA + 2 * self->len;

	ASSERT_EQ(0, map_untouched(p, self->len));
	ASSERT_EQ(0, madvise(p, self->len, MADV_GUARD_INSTALL));
	EXPECT_NO_RANGES(&self->path);
}

/* Advice that takes nothing away. */
TEST_F_TIMEOUT(madvise, silent, MNCK_TIMEOUT)
{
	char *p = PATH_AREA + 2 * self->len;

	ASSERT_EQ(0, map_untouched(p, self->len));
	ASSERT_EQ(0, madvise(p, self->len, MADV_POPULATE_READ));
	ASSERT_EQ(0, madvise(PATH_AREA, self->len, MADV_POPULATE_WRITE));
	ASSERT_EQ(0, madvise(PATH_AREA, self->len, MADV_COLD));
	ASSERT_EQ(0, madvise(PATH_AREA, self->len, MADV_SEQUENTIAL));
	ASSERT_EQ(0, madvise(PATH_AREA, self->len, MADV_DONTFORK));
	ASSERT_EQ(0, madvise(PATH_AREA, self->len, MADV_DONTDUMP));
	EXPECT_NO_RANGES(&self->path);
}

TEST_HARNESS_MAIN
