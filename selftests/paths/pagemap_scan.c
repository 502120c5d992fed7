// SPDX-License-Identifier: GPL-2.0
/*
 * Drives do_pagemap_scan(), by PAGEMAP_SCAN of memory that userfaultfd protects.
 *
 * The scan finds the pages that were written to and protects them, so that the next scan
 * finds them again only after another write.  A subscriber must see a PROTECTION_VMA range
 * of all that the scan has still to look at.
 */
#include <linux/fs.h>

#include "mnck_harness.h"
#include "option.h"
#include "pages.h"
#include "path.h"
#include "uffd.h"

FIXTURE(pagemap_scan)
{
	struct path path;
	size_t page;
	int uffd;
	int pagemap;
};

FIXTURE_SETUP(pagemap_scan)
{
	REQUIRE_OPTION(has_pagemap(), "PROC_PAGE_MONITOR");
	REQUIRE_OPTION(has_userfaultfd(), "USERFAULTFD");
	REQUIRE_OPTION(has_uffd_wp_markers(), "PTE_MARKER_UFFD_WP");
	self->page = getpagesize();
	self->pagemap = -1;
	self->uffd = uffd_open(UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED);
	ASSERT_LE(0, self->uffd) TH_LOG("%m");
	self->pagemap = pagemap_open(0);
	ASSERT_LE(0, self->pagemap) TH_LOG("%m");
	PATH_ATTACH_AREA(&self->path, 8 * self->page);
}

FIXTURE_TEARDOWN(pagemap_scan)
{
	EXPECT_STREQ("", path_close(&self->path));
	close(self->pagemap);
	close(self->uffd);
}

/* Lets the scan protect @_len bytes at @_start. */
#define REGISTER(_start, _len)                                  \
	ASSERT_EQ(0, uffd_register(self->uffd, _start, _len, UFFDIO_REGISTER_MODE_WP))

/* The scan finds @_wanted areas that were written to, and has one range of all of it. */
#define EXPECT_SCAN(_wanted, _start, _len, _found, _size)       \
	do {                                                    \
		ASSERT_EQ(_wanted, scan_written(self->pagemap, _start, _len, _found, _size)) \
			TH_LOG("%m");                           \
		EXPECT_RANGES(&self->path, RANGE(PROTECTION_VMA, _start, _len, BY_SCAN)); \
	} while (0)

/* Finds at most @n areas that were written to, and protects them.  Returns how many, or -1. */
static int scan_written(int pagemap, const void *start, size_t len, struct page_region *found,
			size_t n)
{
	return scan_pages(pagemap, start, len, PAGE_IS_WRITTEN, PM_SCAN_WP_MATCHING, found, n);
}

/*
 * The range is all that the scan looks at, however little of it was written to.  A write to
 * a protected page ends its protection, begins no range, and is found by the next scan.
 */
TEST_F_TIMEOUT(pagemap_scan, all, MNCK_TIMEOUT)
{
	char *p = PATH_AREA + self->page;
	struct page_region found[4];

	REGISTER(PATH_AREA, 8 * self->page);
	EXPECT_SCAN(1, p, 6 * self->page, found, ARRAY_SIZE(found));
	EXPECT_EQ((unsigned long)p, found[0].start);
	EXPECT_EQ((unsigned long)p + 6 * self->page, found[0].end);
	p[2 * self->page] = 1;
	EXPECT_NO_RANGES(&self->path);
	EXPECT_SCAN(1, p, 6 * self->page, found, ARRAY_SIZE(found));
	EXPECT_EQ((unsigned long)p + 2 * self->page, found[0].start);
}

/*
 * The scan stops when the caller's array is full.  Its range covers all that it was asked to
 * scan, with the rest that it has not looked at.
 */
TEST_F_TIMEOUT(pagemap_scan, full, MNCK_TIMEOUT)
{
	struct page_region found;

	REGISTER(PATH_AREA, 8 * self->page);
	EXPECT_SCAN(1, PATH_AREA, 4 * self->page, &found, 1);
	PATH_AREA[0] = 1;
	PATH_AREA[2 * self->page] = 1;
	EXPECT_SCAN(1, PATH_AREA, 4 * self->page, &found, 1);
	EXPECT_EQ((unsigned long)PATH_AREA + self->page, found.end);
}

/*
 * When its buffer is full, do_pagemap_scan() ends the range, copies to the caller what it
 * found, and begins a range of the rest.  The size of the buffer is not defined.
 */
TEST_F_TIMEOUT(pagemap_scan, goes_on, MNCK_TIMEOUT)
{
	const size_t n = pmd_size() / self->page + 8, len = 2 * n * self->page;
	char *p = PATH_AREA + 4 * pmd_size();
	struct page_region *found = calloc(n, sizeof(*found));

	ASSERT_NE(NULL, found);
	ASSERT_EQ(0, map_pages(p, len));
	REGISTER(p, len);
	EXPECT_SCAN(1, p, len, found, 1);
	for (size_t i = 0; i < n; i++)
		p[2 * i * self->page] = 1;
	ASSERT_EQ((int)n, scan_written(self->pagemap, p, len, found, n));
	EXPECT_RANGES_AND_PARTS(&self->path, p, len, RANGE(PROTECTION_VMA, p, len, BY_SCAN));
	EXPECT_LT(1, self->path.subs[0].n);
	free(found);
}

/*
 * Where there is no page table the scan makes one, as UFFDIO_WRITEPROTECT would, to note
 * that nothing was written.  That begins a range of its own within the other.
 */
TEST_F_TIMEOUT(pagemap_scan, hole, MNCK_TIMEOUT)
{
	char *p = PATH_AREA + 4 * pmd_size();
	struct page_region found[4];

	ASSERT_EQ(0, map_untouched(p, 2 * pmd_size()));
	REGISTER(p, 2 * pmd_size());
	p[0] = 1;
	ASSERT_EQ(1, scan_written(self->pagemap, p, 2 * pmd_size(), found, ARRAY_SIZE(found)));
	EXPECT_RANGES(&self->path,
		      RANGE(PROTECTION_VMA, p, 2 * pmd_size(), BY_SCAN),
		      RANGE(PROTECTION_VMA, p + pmd_size(), pmd_size(), BY_PROTECT));
}

TEST_HARNESS_MAIN
