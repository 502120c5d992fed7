// SPDX-License-Identifier: GPL-2.0
/*
 * Drives zap_vma_range_batched() and madvise_free_single_vma(), by advice that gives pages
 * up: MADV_DONTNEED, MADV_FREE and MADV_GUARD_INSTALL.
 *
 * A subscriber must see a CLEAR range for each VMA, of the part that the call covers.
 *
 * Other advice is in other programs: MADV_REMOVE in files.c, MADV_PAGEOUT in pageout.c,
 * MADV_COLLAPSE in huge_pages.c, MADV_MERGEABLE in ksm.c, MADV_HWPOISON and
 * MADV_SOFT_OFFLINE in memory_failure.c.
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
	self->page = getpagesize();
	self->len = AREA_PAGES * self->page;
	PATH_ATTACH_AREA(&self->path, self->len);
}

FIXTURE_TEARDOWN(madvise)
{
	EXPECT_STREQ("", path_close(&self->path));
}

/*
 * MADV_DONTNEED begins one range.  zap_vma_range_batched() begins it before it looks at
 * page tables, so a second call begins it again although no page is left.
 */
TEST_F_TIMEOUT(madvise, dontneed, MNCK_TIMEOUT)
{
	char *p = PATH_AREA + self->page;

	ASSERT_EQ(0, madvise(p, 2 * self->page, MADV_DONTNEED));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, p, 2 * self->page, BY_ZAP));
	ASSERT_EQ(0, madvise(p, 2 * self->page, MADV_DONTNEED));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, p, 2 * self->page, BY_ZAP));
	EXPECT_EQ(0, *p);
}

/*
 * MADV_DONTNEED begins a range for each VMA, since madvise_walk_vmas() calls
 * madvise_dontneed_single_vma() for each.  munmap() begins one range for all VMAs.
 */
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

/*
 * MADV_DONTNEED of locked memory fails in madvise_dontneed_free_valid_vma(), and begins no
 * range.  MADV_DONTNEED_LOCKED clears locked memory too.
 */
TEST_F_TIMEOUT(madvise, dontneed_locked, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, mlock(PATH_AREA, self->len));
	EXPECT_NO_RANGES(&self->path);
	EXPECT_ERRNO(EINVAL, madvise(PATH_AREA, self->page, MADV_DONTNEED));
	EXPECT_NO_RANGES(&self->path);
	ASSERT_EQ(0, madvise(PATH_AREA, self->page, MADV_DONTNEED_LOCKED));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA, self->page, BY_ZAP));
}

/*
 * process_madvise() begins a range for each of its vectors, in their order and in the
 * calling task.  Here the task names itself.
 */
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

/*
 * MADV_FREE begins a range, although the pages stay until memory is short: from then on
 * the kernel may free them at any time.
 */
TEST_F_TIMEOUT(madvise, free, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, madvise(PATH_AREA, self->len, MADV_FREE));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA, self->len, BY_FREE));
}

/*
 * MADV_GUARD_INSTALL begins a range only if it finds a page: madvise_guard_install() then
 * zaps the range and tries again.  A second MADV_GUARD_INSTALL and MADV_GUARD_REMOVE find
 * nothing but guards, and begin no range.
 */
TEST_F_TIMEOUT(madvise, guard_install, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, madvise(PATH_AREA, 2 * self->page, MADV_GUARD_INSTALL))
		TH_LOG("%m; Linux 6.13 has MADV_GUARD_INSTALL");
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA, 2 * self->page, BY_ZAP));
	ASSERT_EQ(0, madvise(PATH_AREA, 2 * self->page, MADV_GUARD_INSTALL));
	ASSERT_EQ(0, madvise(PATH_AREA, 2 * self->page, MADV_GUARD_REMOVE));
	EXPECT_NO_RANGES(&self->path);
}

/* MADV_GUARD_INSTALL begins no range in untouched memory, which has no page to zap. */
TEST_F_TIMEOUT(madvise, guard_untouched, MNCK_TIMEOUT)
{
	char *p = PATH_AREA + 2 * self->len;

	ASSERT_EQ(0, map_untouched(p, self->len));
	ASSERT_EQ(0, madvise(p, self->len, MADV_GUARD_INSTALL));
	EXPECT_NO_RANGES(&self->path);
}

/* Advice that takes no page away begins no range. */
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
