// SPDX-License-Identifier: GPL-2.0
/*
 * Drives try_to_migrate_one(), by compaction of memory.
 *
 * A subscriber must see a CLEAR range of each page that moves.  Compaction chooses the
 * pages, and may begin a range of one that then stays.  The test therefore expects a range
 * for each page that has moved, and no range but of single pages of the test.
 *
 * memory_failure.c has a page that is certain to move.  Compaction does not move huge pages:
 * see skip_isolation_on_order().
 */
#include "file.h"
#include "mnck_harness.h"
#include "option.h"
#include "pages.h"
#include "path.h"
#include "settings.h"
#include "tracefs.h"

#define COMPACT "/proc/sys/vm/compact_memory"
#define CPU_LISTS "/proc/sys/vm/percpu_pagelist_high_fraction"

/*
 * The test maps PAGES * STRIDE pages, several blocks of the 512 pages that compaction wants
 * to be free, and keeps every STRIDEth page.  Each block then has few pages left, those of
 * the lower blocks fit into the highest one, and compaction must move them there.  The pages
 * that were freed must not wait on a list of their CPU: CPU_LISTS gives these lists the
 * smallest share of memory, which makes them short.
 */
#define STRIDE 64
#define PAGES 32

FIXTURE(migration)
{
	struct path path;
	struct settings settings;
	size_t page;
	__u64 frames[PAGES];
};

FIXTURE_SETUP(migration)
{
	self->page = getpagesize();
	REQUIRE_OPTION(has_compaction(), "COMPACTION");
	ASSERT_EQ(0, small_pages());
	ASSERT_EQ(0, setting_change(&self->settings, CPU_LISTS, "100000"));
}

FIXTURE_TEARDOWN(migration)
{
	EXPECT_STREQ("", path_close(&self->path));
	EXPECT_EQ(0, settings_restore(&self->settings));
}

/* Returns the @i'th page that the test keeps. */
static char *kept_page(size_t i)
{
	return PATH_AREA + i * STRIDE * getpagesize();
}

/* Maps the pages, and frees all but those that the test keeps. */
static int map_kept_pages(void)
{
	size_t page = getpagesize();

	if (map_pages(PATH_AREA, PAGES * STRIDE * page))
		return -1;
	for (size_t i = 0; i < PAGES; i++)
		if (madvise(kept_page(i) + page, (STRIDE - 1) * page, MADV_DONTNEED))
			return -1;
	return 0;
}

static void note_frames(__u64 frames[PAGES])
{
	for (size_t i = 0; i < PAGES; i++)
		frames[i] = page_frame(kept_page(i));
}

/* Returns how many pages have another frame than @before, and notes them in @moved. */
static size_t count_moved(const __u64 before[PAGES], bool moved[PAGES])
{
	__u64 frames[PAGES];
	size_t n = 0;

	note_frames(frames);
	for (size_t i = 0; i < PAGES; i++) {
		moved[i] = frames[i] != before[i];
		n += moved[i];
	}
	return n;
}

/*
 * Returns "" if each range is one of a single page that the test keeps, begun by this task,
 * and each page that has moved had one; otherwise what is wrong.
 */
static const char *ranges_differ_from_moves(struct path *p, const bool moved[PAGES])
{
	size_t page = getpagesize();
	bool seen[PAGES] = {};

	path_collect(p);
	for (size_t k = 0; k < p->subs[0].n; k++) {
		const struct seen_range *r = &p->subs[0].ranges[k];
		size_t i = (r->start - (unsigned long)PATH_AREA) / (STRIDE * page);
		struct wanted_range move = RANGE(CLEAR, kept_page(i), page, BY_MIGRATE_PAGE);

		if (i >= PAGES || !range_matches(r, &move))
			path_wrong(p, "a range that is no page's of the test");
		else
			seen[i] = true;
	}
	for (size_t i = 0; i < PAGES; i++)
		if (moved[i] && !seen[i])
			path_wrong(p, "page %zu has moved without a range", i);
	if (p->wrong[0])
		path_print_ranges(&p->subs[0]);
	return p->wrong;
}

/*
 * Compaction begins a range of each page that it moves, whose contents stay the same.  The
 * test compacts until a page has moved.
 */
TEST_F_TIMEOUT(migration, compaction, MNCK_TIMEOUT)
{
	bool moved[PAGES];
	size_t n;

	PATH_ATTACH(&self->path);
	for (;;) {
		ASSERT_EQ(0, map_kept_pages());
		note_frames(self->frames);
		ASSERT_EQ(0, tracing_clear());
		ASSERT_EQ(0, file_write(COMPACT, "1")) TH_LOG("%m");
		n = count_moved(self->frames, moved);
		ASSERT_STREQ("", ranges_differ_from_moves(&self->path, moved));
		if (n)
			break;
		ksft_print_msg("no page has moved\n");
		ASSERT_EQ(0, munmap(PATH_AREA, PAGES * STRIDE * self->page));
	}
	ksft_print_msg("%zu pages have moved\n", n);
	for (size_t i = 0; i < PAGES; i++)
		EXPECT_EQ(0x5a, *(volatile char *)kept_page(i));
	EXPECT_NO_RANGES(&self->path);
}

TEST_HARNESS_MAIN
