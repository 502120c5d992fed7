// SPDX-License-Identifier: GPL-2.0
/*
 * PAGEMAP_SCAN that protects what it finds, so as to find it again only if it was
 * written to: PROTECTION_VMA, of what it has still to look at.
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
	/* What one page table maps. */
	size_t table;
	int uffd;
	int pagemap;
};

FIXTURE_SETUP(pagemap_scan)
{
	self->path.fd = -1;
	self->page = getpagesize();
	self->table = self->page * self->page / 8;
	self->pagemap = -1;
	ASSERT_EQ(0, small_pages());
	REQUIRE_OPTION(has_pagemap(), "PROC_PAGE_MONITOR");
	REQUIRE_OPTION(has_userfaultfd(), "USERFAULTFD");
	REQUIRE_OPTION(has_uffd_wp_markers(), "PTE_MARKER_UFFD_WP");
	self->uffd = uffd_open(UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED);
	ASSERT_LE(0, self->uffd) TH_LOG("%m");
	self->pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, self->pagemap) TH_LOG("%m");
	ASSERT_EQ(0, map_pages(PATH_AREA, 8 * self->page));
	ASSERT_EQ(0, own_pages());
	PATH_ATTACH(&self->path);
}

FIXTURE_TEARDOWN(pagemap_scan)
{
	EXPECT_STREQ("", path_close(&self->path));
	close(self->pagemap);
	close(self->uffd);
}

/* Finds what was written to, and protects it: how many areas, or -1. */
static int scan_written(int pagemap, const void *start, size_t len, struct page_region *found,
			size_t n)
{
	return scan_pages(pagemap, start, len, PAGE_IS_WRITTEN, PM_SCAN_WP_MATCHING, found, n);
}

/* All that it is to look at, whatever of that was written to. */
TEST_F_TIMEOUT(pagemap_scan, all, MNCK_TIMEOUT)
{
	char *p = PATH_AREA + self->page;
	struct page_region found[4];

	ASSERT_EQ(0, uffd_register(self->uffd, PATH_AREA, 8 * self->page,
				   UFFDIO_REGISTER_MODE_WP)) TH_LOG("%m");
	ASSERT_EQ(1, scan_written(self->pagemap, p, 6 * self->page, found, ARRAY_SIZE(found)))
		TH_LOG("%m");
	EXPECT_EQ((unsigned long)p, found[0].start);
	EXPECT_EQ((unsigned long)p + 6 * self->page, found[0].end);
	EXPECT_RANGES(&self->path, RANGE(PROTECTION_VMA, p, 6 * self->page, BY_SCAN));
	/* A write to what is protected lifts that by itself, and is seen by the next scan. */
	p[2 * self->page] = 1;
	EXPECT_NO_RANGES(&self->path);
	ASSERT_EQ(1, scan_written(self->pagemap, p, 6 * self->page, found, ARRAY_SIZE(found)));
	EXPECT_EQ((unsigned long)p + 2 * self->page, found[0].start);
	EXPECT_RANGES(&self->path, RANGE(PROTECTION_VMA, p, 6 * self->page, BY_SCAN));
}

/* Where it is full it stops: of the rest it has told for nothing. */
TEST_F_TIMEOUT(pagemap_scan, full, MNCK_TIMEOUT)
{
	struct page_region found;

	ASSERT_EQ(0, uffd_register(self->uffd, PATH_AREA, 8 * self->page,
				   UFFDIO_REGISTER_MODE_WP)) TH_LOG("%m");
	ASSERT_EQ(1, scan_written(self->pagemap, PATH_AREA, 4 * self->page, &found, 1));
	EXPECT_RANGES(&self->path, RANGE(PROTECTION_VMA, PATH_AREA, 4 * self->page, BY_SCAN));
	PATH_AREA[0] = 1;
	PATH_AREA[2 * self->page] = 1;
	ASSERT_EQ(1, scan_written(self->pagemap, PATH_AREA, 4 * self->page, &found, 1));
	EXPECT_EQ((unsigned long)PATH_AREA + self->page, found.end);
	EXPECT_RANGES(&self->path, RANGE(PROTECTION_VMA, PATH_AREA, 4 * self->page, BY_SCAN));
}

/*
 * What it finds it copies out now and then, unlocked, and goes on from there: it
 * tells of the rest again.  How much it notes before that is its own affair.
 */
TEST_F_TIMEOUT(pagemap_scan, goes_on, MNCK_TIMEOUT)
{
	const size_t n = self->table / self->page + 8, len = 2 * n * self->page;
	char *p = PATH_AREA + 4 * self->table;
	struct page_region *found = calloc(n, sizeof(*found));

	ASSERT_NE(NULL, found);
	ASSERT_EQ(0, map_pages(p, len));
	ASSERT_EQ(0, uffd_register(self->uffd, p, len, UFFDIO_REGISTER_MODE_WP)) TH_LOG("%m");
	ASSERT_EQ(1, scan_written(self->pagemap, p, len, found, 1));
	EXPECT_RANGES(&self->path, RANGE(PROTECTION_VMA, p, len, BY_SCAN));
	for (size_t i = 0; i < n; i++)
		p[2 * i * self->page] = 1;
	ASSERT_EQ((int)n, scan_written(self->pagemap, p, len, found, n));
	EXPECT_RANGES_AND_PARTS(&self->path, p, len, RANGE(PROTECTION_VMA, p, len, BY_SCAN));
	EXPECT_LT(1, self->path.subs[0].n);
	free(found);
}

/*
 * Where there is no page table it makes one, to note there that nothing was written,
 * as UFFDIO_WRITEPROTECT would: with a range of its own within the other.
 */
TEST_F_TIMEOUT(pagemap_scan, hole, MNCK_TIMEOUT)
{
	char *p = PATH_AREA + 4 * self->table;
	struct page_region found[4];

	ASSERT_EQ(0, map_untouched(p, 2 * self->table));
	ASSERT_EQ(0, uffd_register(self->uffd, p, 2 * self->table, UFFDIO_REGISTER_MODE_WP))
		TH_LOG("%m");
	p[0] = 1;
	ASSERT_EQ(1, scan_written(self->pagemap, p, 2 * self->table, found, ARRAY_SIZE(found)));
	EXPECT_RANGES(&self->path,
		      RANGE(PROTECTION_VMA, p, 2 * self->table, BY_SCAN),
		      RANGE(PROTECTION_VMA, p + self->table, self->table, BY_PROTECT));
}

TEST_HARNESS_MAIN
