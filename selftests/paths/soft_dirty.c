// SPDX-License-Identifier: GPL-2.0
/*
 * Drives clear_refs_write(), by /proc/PID/clear_refs, and do_pagemap_scan(), by a
 * PAGEMAP_SCAN that protects what it finds.  Both ask which pages were written to.
 *
 * clear_refs must notify subscribers of one SOFT_DIRTY range, of the whole address space,
 * even on a machine whose page tables have no soft-dirty bit.  The scan must notify them of
 * one PROTECTION_VMA range, of what it scans.  Reads must begin no range.
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
	REQUIRE_OPTION(has_pagemap(), "PROC_PAGE_MONITOR");
	self->page = getpagesize();
	self->pagemap = pagemap_open(0);
	ASSERT_LE(0, self->pagemap) TH_LOG("%m");
	PATH_ATTACH_AREA(&self->path, 8 * self->page);
}

FIXTURE_TEARDOWN(soft_dirty)
{
	EXPECT_STREQ("", path_close(&self->path));
	close(self->pagemap);
}

/*
 * Clearing the soft-dirty bits begins a range of all addresses, mapped or not.  A write to a
 * page afterwards sets the bit of the page, and begins no range.
 */
TEST_F_TIMEOUT(soft_dirty, clear_refs, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, file_write(CLEAR_REFS, "4")) TH_LOG("%m");
	EXPECT_RANGES(&self->path, RANGE(SOFT_DIRTY, 0, ULONG_MAX, "clear_refs_write"));
	PATH_AREA[0] = 1;
	EXPECT_NO_RANGES(&self->path);
}

/*
 * The range begins in the task that writes to clear_refs, here a child.  The subscribers are
 * those of the process that the file belongs to, here the parent.
 */
TEST_F_TIMEOUT(soft_dirty, of_another, MNCK_TIMEOUT)
{
	char path[64];
	pid_t child;

	snprintf(path, sizeof(path), "/proc/%d/clear_refs", getpid());
	ASSERT_EQ(0, madvise(PATH_AREA, 8 * self->page, MADV_DONTFORK));
	ASSERT_IN_CHILD(child, file_write(path, "4"));
	EXPECT_RANGES(&self->path,
		      RANGE(SOFT_DIRTY, 0, ULONG_MAX, "clear_refs_write", .pid = child));
}

/*
 * A scan that protects pages begins a range of all that it scans, even if it can protect
 * nothing: here no userfaultfd watches the memory, and a part of it is not mapped.
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
 * The other values that clear_refs takes begin no range: 1 to 3 clear accessed bits, and 5
 * resets the peak RSS.  Reads of pagemap and smaps, and a scan that protects nothing, begin
 * none either.
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
