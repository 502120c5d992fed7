// SPDX-License-Identifier: GPL-2.0
/*
 * Drives the flush of a secondary TLB, by calls that take something from a page table,
 * with all other kinds of subscribers attached.
 *
 * The secondary_tlb subscriber must see a flush that covers what changed, from a function
 * in which the architecture flushes the TLBs of CPUs; secondary_tlb.c tests how wide the
 * flush is.  The other subscribers must see the range.  A flush need not come between the
 * start and the end of that range: munmap() flushes later, when it frees the page tables.
 */
#include "mnck_harness.h"
#include "path.h"
#include "stats.h"

/* On arm64 a part of a flush is inline, so that its caller may be the initiator. */
#ifdef __x86_64__
#define BY_FLUSH "flush_tlb_mm_range"
#define BY_FLUSH_PAGE BY_FLUSH
#define BY_FLUSH_ALL BY_FLUSH
#else
#define BY_FLUSH "__flush_tlb_range tlb_flush tlb_finish_mmu change_protection"
#define BY_FLUSH_PAGE "ptep_clear_flush wp_page_copy do_wp_page"
#define BY_FLUSH_ALL "dup_mmap dup_mm flush_tlb_mm"
#endif

#define AREA_PAGES 8

FIXTURE(flush)
{
	struct path path;
	const struct subscriber *tlb;
	size_t page;
	size_t len;
	pid_t child;
};

FIXTURE_SETUP(flush)
{
	self->page = getpagesize();
	self->len = AREA_PAGES * self->page;
	PATH_ATTACH_AREA(&self->path, self->len);
	self->tlb = path_find_kind(&self->path, MNCK_KIND_SECONDARY_TLB);
	ASSERT_NE(NULL, self->tlb);
}

FIXTURE_TEARDOWN(flush)
{
	EXPECT_EQ(0, child_kill(&self->child));
	EXPECT_STREQ("", path_close(&self->path));
}

/* Returns whether all was flushed, or the last flush covers @len bytes at @start. */
static bool flush_covers(const struct mnck_stats *stats, const char *start, size_t len)
{
	return stats->flushes_all || (stats->last_flush_start <= (unsigned long)start &&
				      stats->last_flush_end >= (unsigned long)start + len);
}

/* One of @_initiators flushed at least @_len bytes at @_start, and these ranges were seen. */
#define EXPECT_FLUSHED(_start, _len, _initiators, ...)          \
	do {                                                    \
		struct mnck_stats flushed_ = stats_now(self->tlb); \
								\
		EXPECT_TRUE(flush_covers(&flushed_, _start, _len)); \
		EXPECT_RANGES(&self->path, __VA_ARGS__);        \
		EXPECT_LE(1, path_count_calls(&self->path, "flush", _initiators)); \
	} while (0)

/* mprotect() flushes what it changes. */
TEST_F_TIMEOUT(flush, protect, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, mprotect(PATH_AREA, 2 * self->page, PROT_READ));
	EXPECT_FLUSHED(PATH_AREA, 2 * self->page, BY_FLUSH,
		       RANGE(PROTECTION_VMA, PATH_AREA, 2 * self->page, BY_PROTECT));
}

/* MADV_DONTNEED flushes the pages that it zaps. */
TEST_F_TIMEOUT(flush, dontneed, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, madvise(PATH_AREA, 2 * self->page, MADV_DONTNEED));
	EXPECT_FLUSHED(PATH_AREA, 2 * self->page, BY_FLUSH,
		       RANGE(CLEAR, PATH_AREA, 2 * self->page, BY_ZAP));
}

/* munmap() flushes the pages that it unmaps. */
TEST_F_TIMEOUT(flush, unmap, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, munmap(PATH_AREA, 2 * self->page));
	EXPECT_FLUSHED(PATH_AREA, 2 * self->page, BY_FLUSH,
		       RANGE(UNMAP, PATH_AREA, 2 * self->page, BY_UNMAP));
}

/*
 * fork() flushes the parent's whole address space, in dup_mmap().  The first write to a page
 * then flushes that page, in wp_page_copy().
 */
TEST_F_TIMEOUT(flush, fork_then_write, MNCK_TIMEOUT)
{
	self->child = child_start();
	ASSERT_LT(0, self->child);
	EXPECT_LE(1, stats_now(self->tlb).flushes_all);
	EXPECT_RANGES(&self->path, RANGE(PROTECTION_PAGE, PATH_AREA, self->len, BY_FORK));
	EXPECT_LE(1, path_count_calls(&self->path, "flush", BY_FLUSH_ALL));

	*PATH_AREA = 1;
	EXPECT_FLUSHED(PATH_AREA, self->page, BY_FLUSH_PAGE,
		       RANGE(CLEAR, PATH_AREA, self->page, BY_COPY));
}

/* New pages, and pages that are there already, need no flush: no entry is replaced. */
TEST_F_TIMEOUT(flush, silent, MNCK_TIMEOUT)
{
	char *p = PATH_AREA + 2 * self->len;
	struct mnck_stats before = stats_now(self->tlb);

	ASSERT_EQ(0, map_pages(p, self->page));
	ASSERT_EQ(0, madvise(PATH_AREA, self->len, MADV_POPULATE_WRITE));
	EXPECT_NO_RANGES(&self->path);
	EXPECT_EQ(before.flushes, stats_now(self->tlb).flushes);
	EXPECT_EQ(0, path_count_calls(&self->path, "flush", BY_FLUSH));
}

TEST_HARNESS_MAIN
