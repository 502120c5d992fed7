// SPDX-License-Identifier: GPL-2.0
/*
 * Page tables that mappings of one file of hugetlb share: what a PUD maps, if all of it
 * is in a mapping.  A mapping that needs a page table of its own loses the shared one,
 * and with it all that the PUD maps, so that this is what must be told.
 *
 * No more is needed than the process could ever lose: whole PUDs, and none that has
 * nothing of what was changed.  Less is as right, where the kernel knows that nothing is
 * shared; it does not look, and a kernel might.
 */
#include <linux/mman.h>

#include "hugetlb.h"
#include "mnck_harness.h"
#include "option.h"
#include "pages.h"
#include "path.h"
#include "uffd.h"

#define UNSHARE "hugetlb_unshare_pmds hugetlb_split hugetlb_unshare_all_pmds"
#define MPROTECT "hugetlb_change_protection"
#define SHARING_NEEDS "CONFIG_HUGETLB_PMD_PAGE_TABLE_SHARING?"

#define PAGES 4

FIXTURE(hugetlb_shared)
{
	struct path path;
	struct settings settings;
	size_t page;
	/* What a PUD maps, and so does the file, twice. */
	size_t pud;
	int file;
	int uffd;
	/* In the second half of the file. */
	char *part;
};

FIXTURE_SETUP(hugetlb_shared)
{
	self->path.fd = -1;
	self->uffd = -1;
	REQUIRE_OPTION(has_hugetlb(), "HUGETLBFS");
	self->page = hugetlb_size();
	self->pud = self->page * (getpagesize() / sizeof(__u64));
	self->part = PATH_AREA + self->pud + 3 * self->page;
	ASSERT_EQ(0, hugetlb_keep(&self->settings, PAGES)) TH_LOG("%m");
	self->file = hugetlb_file(2 * self->pud);
	ASSERT_LE(0, self->file);
	ASSERT_EQ(0, hugetlb_map_file(PATH_AREA, 2 * self->pud, self->file));
	self->part[0] = 1;
	self->part[self->page] = 1;
	PATH_ATTACH(&self->path);
}

FIXTURE_TEARDOWN(hugetlb_shared)
{
	EXPECT_STREQ("", path_close(&self->path));
	munmap(PATH_AREA, PATH_AREA_SIZE);
	close(self->file);
	if (self->uffd >= 0)
		close(self->uffd);
	EXPECT_EQ(0, settings_restore(&self->settings));
}

/* One range, of @_len at @_start at least, and of no more than the PUDs that it is in. */
#define EXPECT_WIDENED(_event, _start, _len, _initiator)        \
	do {                                                    \
		unsigned long from_ = (unsigned long)(_start) / self->pud * self->pud; \
		unsigned long to_ = (unsigned long)(_start) + (_len) + self->pud - 1; \
								\
		to_ = to_ / self->pud * self->pud;              \
		EXPECT_RANGES_WITHIN(&self->path, (void *)from_, to_ - from_, \
				     RANGE(_event, _start, _len, _initiator)); \
	} while (0)

/* What is given up without a VMA of its own. */
TEST_F_TIMEOUT(hugetlb_shared, dontneed, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, madvise(self->part, self->page, MADV_DONTNEED));
	EXPECT_WIDENED(CLEAR, self->part, self->page, BY_ZAP);
}

TEST_F_TIMEOUT(hugetlb_shared, punch_hole, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, fallocate(self->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       self->part - PATH_AREA, self->page));
	EXPECT_WIDENED(CLEAR, self->part, self->page, "unmap_hugepage_range");
}

/*
 * What moves before it goes bad: 4 KiB of the page are lost for good, see
 * memory_failure.c.  One that is bad already would be lost as a whole, since who handles
 * that keeps the page of a file for ever.
 */
TEST_F_TIMEOUT(hugetlb_shared, soft_offline, MNCK_TIMEOUT)
{
	REQUIRE_OPTION(has_memory_failure(), "MEMORY_FAILURE");
	ASSERT_EQ(0, madvise(self->part, self->page, MADV_SOFT_OFFLINE)) TH_LOG("%m");
	EXPECT_WIDENED(CLEAR, self->part, self->page, BY_MIGRATE_PAGE);
	EXPECT_EQ(1, *(volatile char *)self->part);
}

/*
 * To become a VMA of its own costs a mapping its share in the page table, at the end
 * that is amidst a PUD.  What is left cannot share, and so is told as it is.
 */
TEST_F_TIMEOUT(hugetlb_shared, mprotect_part, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, mprotect(self->part, self->page, PROT_READ));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA + self->pud, self->pud, UNSHARE),
		      RANGE(PROTECTION_VMA, self->part, self->page, MPROTECT));
}

/* A part that becomes one with what is before it: now both could share. */
TEST_F_TIMEOUT(hugetlb_shared, mprotect_rest, MNCK_TIMEOUT)
{
	size_t rest = PATH_AREA + 2 * self->pud - self->part;

	ASSERT_EQ(0, mprotect(PATH_AREA, self->part - PATH_AREA, PROT_READ));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA + self->pud, self->pud, UNSHARE),
		      RANGE(PROTECTION_VMA, PATH_AREA, self->part - PATH_AREA, MPROTECT));
	ASSERT_EQ(0, mprotect(self->part, rest, PROT_READ));
	EXPECT_WIDENED(PROTECTION_VMA, self->part, rest, MPROTECT);
}

TEST_F_TIMEOUT(hugetlb_shared, munmap_part, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, munmap(self->part, self->page));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA + self->pud, self->pud, UNSHARE),
		      RANGE(UNMAP, self->part, self->page, BY_UNMAP));
}

/* Where a PUD ends nothing is lost. */
TEST_F_TIMEOUT(hugetlb_shared, munmap_half, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, munmap(PATH_AREA, self->pud));
	EXPECT_RANGES(&self->path,
		      RANGE(UNMAP, PATH_AREA, self->pud, BY_UNMAP));
}

/*
 * What it is all about: there is a second mapping, which has the pages of the first
 * without having touched them, and loses them all when it is split for one of them.
 */
TEST_F_TIMEOUT(hugetlb_shared, lost, MNCK_TIMEOUT)
{
	char *second = PATH_AREA + 2 * self->pud, *part = second + (self->part - PATH_AREA);

	ASSERT_EQ(0, hugetlb_map_file(second, 2 * self->pud, self->file));
	part[2 * self->page] = 1;
	ASSERT_TRUE(page_entry(part) & PAGEMAP_PRESENT) TH_LOG(SHARING_NEEDS);
	ASSERT_TRUE(page_entry(part + self->page) & PAGEMAP_PRESENT);
	EXPECT_NO_RANGES(&self->path);
	ASSERT_EQ(0, mprotect(part, self->page, PROT_READ));
	EXPECT_FALSE(page_entry(part + self->page) & PAGEMAP_PRESENT);
	EXPECT_TRUE(page_entry(self->part + self->page) & PAGEMAP_PRESENT);
	EXPECT_RANGES(&self->path, RANGE(CLEAR, second + self->pud, self->pud, UNSHARE),
		      RANGE(PROTECTION_VMA, part, self->page, MPROTECT));
}

/* Who is told of faults in pages that are there must have a page table for himself. */
TEST_F_TIMEOUT(hugetlb_shared, userfaultfd, MNCK_TIMEOUT)
{
	REQUIRE_OPTION(has_userfaultfd(), "USERFAULTFD");
	self->uffd = uffd_open(0);
	ASSERT_LE(0, self->uffd) TH_LOG("%m");
	ASSERT_EQ(0, uffd_register(self->uffd, PATH_AREA, 2 * self->pud,
				   UFFDIO_REGISTER_MODE_MISSING));
	EXPECT_NO_RANGES(&self->path);
	ASSERT_EQ(0, uffd_register(self->uffd, PATH_AREA, 2 * self->pud,
				   UFFDIO_REGISTER_MODE_MINOR));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA, 2 * self->pud, UNSHARE));
}

/* A mapping that has not all that a PUD maps never shares. */
TEST_F_TIMEOUT(hugetlb_shared, userfaultfd_small, MNCK_TIMEOUT)
{
	char *second = PATH_AREA + 2 * self->pud;
	size_t len = self->pud - self->page;

	ASSERT_EQ(second, mmap(second, len, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_NORESERVE | MAP_FIXED_NOREPLACE, self->file, 0));
	REQUIRE_OPTION(has_userfaultfd(), "USERFAULTFD");
	self->uffd = uffd_open(0);
	ASSERT_LE(0, self->uffd) TH_LOG("%m");
	ASSERT_EQ(0, uffd_register(self->uffd, second, len, UFFDIO_REGISTER_MODE_MINOR));
	EXPECT_NO_RANGES(&self->path);
}

TEST_HARNESS_MAIN
