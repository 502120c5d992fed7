// SPDX-License-Identifier: GPL-2.0
/*
 * Whoever takes something from a page table flushes the secondary TLB as well, with
 * all other flavours attached.  How wide the flush is, is in secondary_tlb.c; here
 * it must cover what was changed, and come from where the architecture flushes.
 *
 * A flush need not come between the start and the end of its range: what is unmapped
 * is flushed when its page tables go, which is later.
 */
#include "mnck_harness.h"
#include "path.h"

/* Of arm64 a part is inline, and lands in whoever flushes. */
#ifdef __x86_64__
#define FLUSH "flush_tlb_mm_range"
#define FLUSH_PAGE FLUSH
#define FLUSH_ALL FLUSH
#else
#define FLUSH "__flush_tlb_range tlb_finish_mmu change_protection"
#define FLUSH_PAGE "ptep_clear_flush wp_page_copy do_wp_page"
#define FLUSH_ALL "dup_mmap dup_mm flush_tlb_mm"
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
	self->path.fd = -1;
	self->page = getpagesize();
	self->len = AREA_PAGES * self->page;
	ASSERT_EQ(0, small_pages());
	ASSERT_EQ(0, map_pages(PATH_AREA, self->len));
	ASSERT_EQ(0, own_pages());
	PATH_ATTACH(&self->path);
	self->tlb = path_find_kind(&self->path, MNCK_KIND_SECONDARY_TLB);
	ASSERT_NE(NULL, self->tlb);
}

FIXTURE_TEARDOWN(flush)
{
	EXPECT_EQ(0, child_kill(&self->child));
	EXPECT_STREQ("", path_close(&self->path));
}

static bool covers(const struct mnck_stats *stats, const char *start, size_t len)
{
	return stats->flushes_all || (stats->last_flush_start <= (unsigned long)start &&
				      stats->last_flush_end >= (unsigned long)start + len);
}

/* By one of @_names; and these ranges were told. */
#define EXPECT_FLUSHED(_start, _len, _names, ...)               \
	do {                                                    \
		struct mnck_stats flushed_ = stats_now(self->tlb); \
								\
		EXPECT_TRUE(covers(&flushed_, _start, _len));   \
		EXPECT_RANGES(&self->path, __VA_ARGS__);        \
		EXPECT_LE(1, path_count_calls(&self->path, "flush", _names)); \
	} while (0)

TEST_F_TIMEOUT(flush, protect, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, mprotect(PATH_AREA, 2 * self->page, PROT_READ));
	EXPECT_FLUSHED(PATH_AREA, 2 * self->page, FLUSH,
		       RANGE(PROTECTION_VMA, PATH_AREA, 2 * self->page, BY_PROTECT));
}

TEST_F_TIMEOUT(flush, dontneed, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, madvise(PATH_AREA, 2 * self->page, MADV_DONTNEED));
	EXPECT_FLUSHED(PATH_AREA, 2 * self->page, FLUSH,
		       RANGE(CLEAR, PATH_AREA, 2 * self->page, BY_ZAP));
}

TEST_F_TIMEOUT(flush, unmap, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, munmap(PATH_AREA, 2 * self->page));
	EXPECT_FLUSHED(PATH_AREA, 2 * self->page, FLUSH,
		       RANGE(UNMAP, PATH_AREA, 2 * self->page, BY_UNMAP));
}

TEST_F_TIMEOUT(flush, fork_then_write, MNCK_TIMEOUT)
{
	self->child = child_start();
	ASSERT_LT(0, self->child);
	EXPECT_LE(1, stats_now(self->tlb).flushes_all);
	EXPECT_RANGES(&self->path, RANGE(PROTECTION_PAGE, PATH_AREA, self->len, BY_FORK));
	EXPECT_LE(1, path_count_calls(&self->path, "flush", FLUSH_ALL));

	*PATH_AREA = 1;
	EXPECT_FLUSHED(PATH_AREA, self->page, FLUSH_PAGE,
		       RANGE(CLEAR, PATH_AREA, self->page, BY_COPY));
}

/* What nobody has is nowhere cached. */
TEST_F_TIMEOUT(flush, silent, MNCK_TIMEOUT)
{
	char *p = PATH_AREA + 2 * self->len;
	struct mnck_stats before = stats_now(self->tlb);

	ASSERT_EQ(0, map_pages(p, self->page));
	ASSERT_EQ(0, madvise(PATH_AREA, self->len, MADV_POPULATE_WRITE));
	EXPECT_NO_RANGES(&self->path);
	EXPECT_EQ(before.flushes, stats_now(self->tlb).flushes);
	EXPECT_EQ(0, path_count_calls(&self->path, "flush", FLUSH));
}

TEST_HARNESS_MAIN
