// SPDX-License-Identifier: GPL-2.0
/*
 * Drives hugetlb_unshare_pmds(), and the functions whose ranges
 * adjust_range_if_pmd_sharing_possible() widens.
 *
 * Mappings of one hugetlb file may share the page table below a PUD entry, if they map all
 * that the entry covers.  A mapping that needs a page table of its own loses the shared one
 * and all its pages.  A subscriber must therefore see a range that is widened to all that the
 * PUD entries of the changed memory cover, and no further.  A narrower range would be right
 * where no page table is shared.  Linux 7.3 does not look, and the tests accept both.
 */
#include <linux/mman.h>

#include "hugetlb.h"
#include "mnck_harness.h"
#include "option.h"
#include "pages.h"
#include "path.h"
#include "uffd.h"

#define BY_UNSHARE "hugetlb_unshare_pmds hugetlb_split hugetlb_unshare_all_pmds"
#define SHARING_NEEDS "CONFIG_HUGETLB_PMD_PAGE_TABLE_SHARING?"

#define PAGES 4

FIXTURE(hugetlb_shared)
{
	struct path path;
	struct settings settings;
	size_t page;
	/* The size that a PUD entry covers: half of the file. */
	size_t pud;
	int file;
	int uffd;
	/* Two pages in the second half of the file. */
	char *part;
};

FIXTURE_SETUP(hugetlb_shared)
{
	REQUIRE_OPTION(has_event_tracing(), "EVENT_TRACING");
	REQUIRE_OPTION(has_hugetlb(), "HUGETLBFS");
	self->uffd = -1;
	self->page = hugetlb_size();
	self->pud = pud_size();
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

/* One range of at least @_len bytes at @_start, and at most of what their PUD entries cover. */
#define EXPECT_WIDENED(_event, _start, _len, _initiator)        \
	do {                                                    \
		unsigned long from_ = (unsigned long)(_start) / self->pud * self->pud; \
		unsigned long to_ = (unsigned long)(_start) + (_len) + self->pud - 1; \
								\
		to_ = to_ / self->pud * self->pud;              \
		EXPECT_RANGES_WITHIN(&self->path, (void *)from_, to_ - from_, \
				     RANGE(_event, _start, _len, _initiator)); \
	} while (0)

/* MADV_DONTNEED does not split the VMA: zap_vma_range_batched() widens its range. */
TEST_F_TIMEOUT(hugetlb_shared, dontneed, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, madvise(self->part, self->page, MADV_DONTNEED));
	EXPECT_WIDENED(CLEAR, self->part, self->page, BY_ZAP);
}

/* unmap_hugepage_range() widens the range of a hole. */
TEST_F_TIMEOUT(hugetlb_shared, punch_hole, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, punch_hole(self->file, self->part - PATH_AREA, self->page));
	EXPECT_WIDENED(CLEAR, self->part, self->page, BY_HUGETLB_UNMAP);
}

/*
 * try_to_migrate_one() widens the range of a page that moves.  The guest loses 4 KiB of the
 * page for good, see memory_failure.c.  MADV_HWPOISON would cost it the whole page: the
 * kernel keeps a bad page of a hugetlb file for ever.
 */
TEST_F_TIMEOUT(hugetlb_shared, soft_offline, MNCK_TIMEOUT)
{
	REQUIRE_OPTION(has_memory_failure(), "MEMORY_FAILURE");
	ASSERT_EQ(0, madvise(self->part, self->page, MADV_SOFT_OFFLINE)) TH_LOG("%m");
	EXPECT_WIDENED(CLEAR, self->part, self->page, BY_MIGRATE_PAGE);
	EXPECT_EQ(1, *(volatile char *)self->part);
}

/*
 * mprotect() of a part splits the VMA, in the middle of what a PUD entry covers.
 * hugetlb_split() unshares the page table there.  The new VMA is too small to share one, so
 * that its range is not widened.
 */
TEST_F_TIMEOUT(hugetlb_shared, mprotect_part, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, mprotect(self->part, self->page, PROT_READ));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA + self->pud, self->pud, BY_UNSHARE),
		      RANGE(PROTECTION_VMA, self->part, self->page, BY_HUGETLB_PROTECT));
}

/*
 * The second mprotect() merges two VMAs into one, which covers whole PUD entries again: its
 * range is widened.
 */
TEST_F_TIMEOUT(hugetlb_shared, mprotect_rest, MNCK_TIMEOUT)
{
	size_t rest = PATH_AREA + 2 * self->pud - self->part;

	ASSERT_EQ(0, mprotect(PATH_AREA, self->part - PATH_AREA, PROT_READ));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA + self->pud, self->pud, BY_UNSHARE),
		      RANGE(PROTECTION_VMA, PATH_AREA, self->part - PATH_AREA,
			    BY_HUGETLB_PROTECT));
	ASSERT_EQ(0, mprotect(self->part, rest, PROT_READ));
	EXPECT_WIDENED(PROTECTION_VMA, self->part, rest, BY_HUGETLB_PROTECT);
}

/* munmap() of a part splits the VMA and unshares the page table, as mprotect() does. */
TEST_F_TIMEOUT(hugetlb_shared, munmap_part, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, munmap(self->part, self->page));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA + self->pud, self->pud, BY_UNSHARE),
		      RANGE(UNMAP, self->part, self->page, BY_UNMAP));
}

/* munmap() of all that a PUD entry covers splits the VMA at its border, and unshares nothing. */
TEST_F_TIMEOUT(hugetlb_shared, munmap_half, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, munmap(PATH_AREA, self->pud));
	EXPECT_RANGES(&self->path, RANGE(UNMAP, PATH_AREA, self->pud, BY_UNMAP));
}

/*
 * The reason for the wide ranges: a second mapping shares the page table of the first, and so
 * has pages that it never touched.  When mprotect() unshares the page table for a part of
 * the second mapping, all these pages go from it.
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
	EXPECT_RANGES(&self->path, RANGE(CLEAR, second + self->pud, self->pud, BY_UNSHARE),
		      RANGE(PROTECTION_VMA, part, self->page, BY_HUGETLB_PROTECT));
}

/*
 * A mapping that userfaultfd watches for minor faults must have page tables of its own, and
 * its registration unshares all of them.  Registration for missing pages unshares none.
 */
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
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA, 2 * self->pud, BY_UNSHARE));
}

/*
 * A mapping that does not cover a whole PUD entry shares no page table: hugetlb_unshare_pmds()
 * returns before it begins a range.
 */
TEST_F_TIMEOUT(hugetlb_shared, userfaultfd_small, MNCK_TIMEOUT)
{
	char *second = PATH_AREA + 2 * self->pud;
	size_t len = self->pud - self->page;

	REQUIRE_OPTION(has_userfaultfd(), "USERFAULTFD");
	ASSERT_EQ(0, hugetlb_map_file(second, len, self->file));
	self->uffd = uffd_open(0);
	ASSERT_LE(0, self->uffd) TH_LOG("%m");
	ASSERT_EQ(0, uffd_register(self->uffd, second, len, UFFDIO_REGISTER_MODE_MINOR));
	EXPECT_NO_RANGES(&self->path);
}

TEST_HARNESS_MAIN
