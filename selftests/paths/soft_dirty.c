// SPDX-License-Identifier: GPL-2.0
/*
 * Who asks what was written to: SOFT_DIRTY of all there is, by clear_refs, on
 * machines too that have no such bit in their page tables; and PROTECTION_VMA by
 * PAGEMAP_SCAN that is to protect what it finds, of what it is to look at.  Those
 * who only read tell nobody.
 */
#include <limits.h>
#include <linux/fs.h>
#include <sys/wait.h>

#include "file.h"
#include "mnck_harness.h"
#include "option.h"
#include "pages.h"
#include "path.h"

#define CLEAR_REFS "/proc/self/clear_refs"

FIXTURE(soft_dirty)
{
	struct path path;
	size_t page;
	int pagemap;
};

FIXTURE_SETUP(soft_dirty)
{
	self->path.fd = -1;
	self->page = getpagesize();
	ASSERT_EQ(0, small_pages());
	REQUIRE_OPTION(has_pagemap(), "PROC_PAGE_MONITOR");
	self->pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, self->pagemap) TH_LOG("%m");
	ASSERT_EQ(0, map_pages(PATH_AREA, 8 * self->page));
	ASSERT_EQ(0, own_pages());
	PATH_ATTACH(&self->path);
}

FIXTURE_TEARDOWN(soft_dirty)
{
	EXPECT_STREQ("", path_close(&self->path));
	close(self->pagemap);
}

/* All of its address space, whatever of it there is. */
TEST_F_TIMEOUT(soft_dirty, clear_refs, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, file_write(CLEAR_REFS, "4")) TH_LOG("%m");
	EXPECT_RANGES(&self->path, RANGE(SOFT_DIRTY, 0, ULONG_MAX, "clear_refs_write"));
	/* To have been written to makes a page no other one. */
	PATH_AREA[0] = 1;
	EXPECT_NO_RANGES(&self->path);
}

/* In the task that writes to the file, of the process that it is about. */
TEST_F_TIMEOUT(soft_dirty, of_another, MNCK_TIMEOUT)
{
	char path[64];
	int status;
	pid_t child;

	snprintf(path, sizeof(path), "/proc/%d/clear_refs", getpid());
	ASSERT_EQ(0, madvise(PATH_AREA, 8 * self->page, MADV_DONTFORK));
	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		_exit(!!file_write(path, "4"));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_EQ(0, status);
	EXPECT_RANGES(&self->path,
		      RANGE(SOFT_DIRTY, 0, ULONG_MAX, "clear_refs_write", .pid = child));
}

/*
 * What it is to look at, whatever there is: of memory that no userfaultfd watches
 * it protects nothing, and of a hole there is nothing to protect.
 */
TEST_F_TIMEOUT(soft_dirty, scan, MNCK_TIMEOUT)
{
	char *p = PATH_AREA + 2 * self->page;
	struct page_region found[4];

	ASSERT_EQ(0, scan_pages(self->pagemap, p, 8 * self->page, PAGE_IS_WRITTEN,
				PM_SCAN_WP_MATCHING, found, ARRAY_SIZE(found))) TH_LOG("%m");
	EXPECT_RANGES(&self->path, RANGE(PROTECTION_VMA, p, 8 * self->page, BY_SCAN));
}

/*
 * The other things that clear_refs does, and those that read.  That pages are not
 * young any more nobody is told: he is asked.
 */
TEST_F_TIMEOUT(soft_dirty, silent, MNCK_TIMEOUT)
{
	struct page_region found[4];
	char smaps[4096];

	ASSERT_EQ(0, file_write(CLEAR_REFS, "1"));
	ASSERT_EQ(0, file_write(CLEAR_REFS, "2"));
	ASSERT_EQ(0, file_write(CLEAR_REFS, "3"));
	ASSERT_EQ(0, file_write(CLEAR_REFS, "5"));
	EXPECT_NE(0, page_entry(PATH_AREA));
	file_read(smaps, sizeof(smaps), "/proc/self/smaps_rollup");
	EXPECT_NE('\0', smaps[0]);
	EXPECT_EQ(1, scan_pages(self->pagemap, PATH_AREA, 8 * self->page, PAGE_IS_PRESENT, 0,
				found, ARRAY_SIZE(found)));
	EXPECT_NO_RANGES(&self->path);
}

TEST_HARNESS_MAIN
