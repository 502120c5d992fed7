// SPDX-License-Identifier: GPL-2.0
/*
 * Pages that move: compaction takes them away, CLEAR of each, and puts what was in them
 * elsewhere.
 *
 * Which pages move is up to compaction, and it may try one that then stays.  So what is
 * certain is: of each page that moved all were told, and of nothing but single pages of
 * those that are there.
 *
 * What moves for certain is a page that goes bad, memory_failure.c.  A huge page does not
 * move by compaction, for which it is as good as a free one.
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
 * One in so many pages is kept.  All that were there are several blocks of what
 * compaction wants to be free (512 pages), and of each block no more than a few are
 * left: those in the lower blocks have room in the highest, and must move there.  For
 * that what was freed must not wait on a list of its CPU, hence CPU_LISTS: the smallest
 * share of memory makes the shortest lists.
 */
#define KEPT 64
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
	self->path.fd = -1;
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

static char *kept(size_t i)
{
	return PATH_AREA + i * KEPT * getpagesize();
}

static int map_thinned(void)
{
	size_t page = getpagesize();

	if (map_pages(PATH_AREA, PAGES * KEPT * page))
		return -1;
	for (size_t i = 0; i < PAGES; i++)
		if (madvise(kept(i) + page, (KEPT - 1) * page, MADV_DONTNEED))
			return -1;
	return 0;
}

static void note_frames(__u64 frames[PAGES])
{
	for (size_t i = 0; i < PAGES; i++)
		frames[i] = page_frame(kept(i));
}

/* How many are elsewhere than before; @moved: which. */
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

/* Each that has moved was told; what was told is a page, to be cleared, by this task. */
static const char *ranges_differ_from_moves(struct path *p, const bool moved[PAGES])
{
	size_t page = getpagesize();
	bool seen[PAGES] = {};

	path_collect(p);
	for (size_t k = 0; k < p->subs[0].n; k++) {
		const struct seen_range *t = &p->subs[0].ranges[k];
		size_t i = (t->start - (unsigned long)PATH_AREA) / (KEPT * page);
		struct wanted_range move = RANGE(CLEAR, kept(i), page, BY_MIGRATE_PAGE);

		if (i >= PAGES || !range_matches(t, &move))
			path_wrong(p, "told of something else");
		else
			seen[i] = true;
	}
	for (size_t i = 0; i < PAGES; i++)
		if (moved[i] && !seen[i])
			path_wrong(p, "page %zu has moved, and nobody was told", i);
	if (p->wrong[0])
		path_print_ranges(&p->subs[0]);
	return p->wrong;
}

TEST_F_TIMEOUT(migration, compaction, MNCK_TIMEOUT)
{
	bool moved[PAGES];
	size_t n;

	PATH_ATTACH(&self->path);
	for (;;) {
		ASSERT_EQ(0, map_thinned());
		note_frames(self->frames);
		ASSERT_EQ(0, tracing_clear());
		ASSERT_EQ(0, file_write(COMPACT, "1")) TH_LOG("%m");
		n = count_moved(self->frames, moved);
		ASSERT_STREQ("", ranges_differ_from_moves(&self->path, moved));
		if (n)
			break;
		ksft_print_msg("none has moved\n");
		ASSERT_EQ(0, munmap(PATH_AREA, PAGES * KEPT * self->page));
	}
	ksft_print_msg("%zu pages have moved\n", n);
	for (size_t i = 0; i < PAGES; i++)
		EXPECT_EQ(0x5a, *(volatile char *)kept(i));
	/* Nor is anything but what moves told. */
	EXPECT_NO_RANGES(&self->path);
}

TEST_HARNESS_MAIN
