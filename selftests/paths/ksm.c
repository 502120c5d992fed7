// SPDX-License-Identifier: GPL-2.0
/*
 * Drives write_protect_page() and replace_page() of mm/ksm.c, by ksmd, and wp_page_copy(), by
 * writes to merged pages.
 *
 * A subscriber must see a CLEAR range of a page when ksmd makes it read-only, when ksmd puts
 * the merged page in its place, and when the process gets a copy of its own again.
 */
#include "file.h"
#include "mnck_harness.h"
#include "option.h"
#include "pages.h"
#include "path.h"
#include "proc.h"
#include "settings.h"

#define KSM "/sys/kernel/mm/ksm/"

#define BY_MERGE_CALLERS "try_to_merge_one_page try_to_merge_with_ksm_page ksm_scan_thread"
#define BY_WRITE_PROTECT "write_protect_page " BY_MERGE_CALLERS
#define BY_REPLACE "replace_page " BY_MERGE_CALLERS

FIXTURE(ksm)
{
	struct path path;
	struct settings settings;
	size_t page;
	pid_t ksmd;
	/* Two pages with the same contents, and one between them with others. */
	char *first;
	char *other;
	char *second;
};

FIXTURE_SETUP(ksm)
{
	REQUIRE_OPTION(has_event_tracing(), "EVENT_TRACING");
	REQUIRE_OPTION(has_ksm(), "KSM");
	self->page = getpagesize();
	self->first = PATH_AREA;
	self->other = self->first + self->page;
	self->second = self->other + self->page;
	ASSERT_EQ(0, small_pages());
	ASSERT_EQ(0, setting_change(&self->settings, KSM "run", "0"));
	ASSERT_EQ(0, setting_change(&self->settings, KSM "sleep_millisecs", "1"));
	ASSERT_EQ(0, setting_change(&self->settings, KSM "use_zero_pages", "0"));
	self->ksmd = kernel_thread("ksmd");
	ASSERT_LT(0, self->ksmd);
	ASSERT_EQ(0, map_pages(PATH_AREA, 3 * self->page));
	self->other[0] = 1;
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, madvise(PATH_AREA, 3 * self->page, MADV_MERGEABLE));
}

FIXTURE_TEARDOWN(ksm)
{
	EXPECT_STREQ("", path_close(&self->path));
	EXPECT_EQ(0, settings_restore(&self->settings));
}

/*
 * Lets ksmd run until @_state.  The page table changes before a range ends, but the write of
 * "0" waits for ksm_thread_mutex, which ksmd holds while it scans: no range is open
 * afterwards.
 */
#define KSM_UNTIL(_state)                                       \
	do {                                                    \
		ASSERT_EQ(0, file_write(KSM "run", "1"));       \
		WAIT_UNTIL(_state);                             \
		ASSERT_EQ(0, file_write(KSM "run", "0"));       \
	} while (0)

/* Lets ksmd merge the first and the second page. */
#define MERGE()                                                 \
	do {                                                    \
		KSM_UNTIL(same_page(self->first, self->second)); \
		path_collect(&self->path);                      \
	} while (0)

#define RANGE_KSMD(_page, _initiator)                           \
	RANGE(CLEAR, _page, self->page, _initiator, .pid = self->ksmd)
#define RANGE_COPY(_page) RANGE(CLEAR, _page, self->page, BY_COPY)

static bool same_page(const char *one, const char *another)
{
	__u64 frame = page_frame(one);

	return frame && frame == page_frame(another);
}

/*
 * ksmd scans by ascending addresses: its first scan notes checksums, its second one merges.
 * Of two equal pages, ksmd makes the one that it finds last read-only and keeps it.  It makes
 * the other page read-only too, and replaces it.  A third page is replaced by the kept one.
 */
TEST_F_TIMEOUT(ksm, merge, MNCK_TIMEOUT)
{
	EXPECT_NO_RANGES(&self->path);
	KSM_UNTIL(same_page(self->first, self->second));
	EXPECT_RANGES(&self->path,
		      RANGE_KSMD(self->second, BY_WRITE_PROTECT),
		      RANGE_KSMD(self->first, BY_WRITE_PROTECT),
		      RANGE_KSMD(self->first, BY_REPLACE));

	self->other[0] = self->first[0];
	KSM_UNTIL(same_page(self->first, self->other));
	EXPECT_RANGES(&self->path,
		      RANGE_KSMD(self->other, BY_WRITE_PROTECT),
		      RANGE_KSMD(self->other, BY_REPLACE));
}

/*
 * A write to a merged page begins a range and copies the page, even for the last mapping of
 * it: wp_can_reuse_anon_folio() never reuses a page of KSM.
 */
TEST_F_TIMEOUT(ksm, write, MNCK_TIMEOUT)
{
	MERGE();
	EXPECT_EQ(0x5a, *(volatile char *)self->first);
	EXPECT_NO_RANGES(&self->path);
	self->first[0] = 2;
	EXPECT_RANGES(&self->path, RANGE_COPY(self->first));
	self->second[0] = 2;
	EXPECT_RANGES(&self->path, RANGE_COPY(self->second));
	self->second[0] = 3;
	EXPECT_NO_RANGES(&self->path);
}

/*
 * MADV_UNMERGEABLE copies each merged page, as a write would: see break_ksm().  A second call
 * finds none.
 */
TEST_F_TIMEOUT(ksm, unmerge, MNCK_TIMEOUT)
{
	MERGE();
	ASSERT_EQ(0, madvise(PATH_AREA, 3 * self->page, MADV_UNMERGEABLE));
	EXPECT_FALSE(same_page(self->first, self->second));
	EXPECT_RANGES(&self->path, RANGE_COPY(self->first), RANGE_COPY(self->second));
	ASSERT_EQ(0, madvise(PATH_AREA, 3 * self->page, MADV_UNMERGEABLE));
	EXPECT_NO_RANGES(&self->path);
}

/* Writing 2 to KSM's "run" copies all merged pages, in the task that writes. */
TEST_F_TIMEOUT(ksm, unmerge_all, MNCK_TIMEOUT)
{
	MERGE();
	ASSERT_EQ(0, file_write(KSM "run", "2"));
	EXPECT_RANGES(&self->path, RANGE_COPY(self->first), RANGE_COPY(self->second));
}

/*
 * With use_zero_pages, ksmd replaces a page of zeroes by the zero page, and needs no second
 * page like it.  A write copies the zero page.
 */
TEST_F_TIMEOUT(ksm, zero_page, MNCK_TIMEOUT)
{
	char *zero = PATH_AREA + 16 * self->page;

	ASSERT_EQ(0, map_untouched(zero, self->page));
	EXPECT_EQ(0, *(volatile char *)zero);
	memset(self->first, 0, self->page);
	ASSERT_EQ(0, file_write(KSM "use_zero_pages", "1"));
	KSM_UNTIL(same_page(self->first, zero));
	EXPECT_RANGES(&self->path,
		      RANGE_KSMD(self->first, BY_WRITE_PROTECT),
		      RANGE_KSMD(self->first, BY_REPLACE));
	self->first[0] = 1;
	EXPECT_RANGES(&self->path, RANGE_COPY(self->first));
}

/* A page that no other page equals begins no range: ksmd only reads it. */
TEST_F_TIMEOUT(ksm, different, MNCK_TIMEOUT)
{
	long scans = setting_number(KSM "full_scans");

	ASSERT_LE(0, scans);
	self->first[0] = 2;
	KSM_UNTIL(setting_number(KSM "full_scans") >= scans + 4);
	EXPECT_NO_RANGES(&self->path);
}

TEST_HARNESS_MAIN
