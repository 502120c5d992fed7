// SPDX-License-Identifier: GPL-2.0
/*
 * KSM: ksmd write-protects a page, CLEAR, and puts another with the same contents in
 * its place, CLEAR again; who writes to it, or has it no longer merged, gets a copy of
 * his own, CLEAR a third time.
 */
#include "file.h"
#include "mnck_harness.h"
#include "option.h"
#include "pages.h"
#include "path.h"
#include "proc.h"
#include "settings.h"

#define KSM "/sys/kernel/mm/ksm/"

#define MERGE_CALLERS "try_to_merge_one_page try_to_merge_with_ksm_page ksm_scan_thread"
#define PROTECT "write_protect_page " MERGE_CALLERS
#define REPLACE "replace_page " MERGE_CALLERS

FIXTURE(ksm)
{
	struct path path;
	struct settings settings;
	size_t page;
	pid_t ksmd;
	/* Two pages that are the same, and one between them that is not. */
	char *first;
	char *other;
	char *second;
};

FIXTURE_SETUP(ksm)
{
	self->path.fd = -1;
	self->page = getpagesize();
	self->first = PATH_AREA;
	self->other = self->first + self->page;
	self->second = self->other + self->page;
	ASSERT_EQ(0, small_pages());
	REQUIRE_OPTION(has_ksm(), "KSM");
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
 * Lets ksmd run until then.  When "0" has been written it is not amidst anything any
 * more: the page table has the new page before the end of the range is told.
 */
#define KSM_UNTIL(_state)                                       \
	do {                                                    \
		ASSERT_EQ(0, file_write(KSM "run", "1"));       \
		WAIT_UNTIL(_state);                             \
		ASSERT_EQ(0, file_write(KSM "run", "0"));       \
	} while (0)

static bool same_page(const char *one, const char *another)
{
	__u64 frame = page_frame(one);

	return frame && frame == page_frame(another);
}

/*
 * Of two pages the one that is found last is kept, and becomes read-only; the other
 * does as well, and is replaced.  It is the order of their addresses, by which ksmd
 * goes: the first time for their checksums, the second to merge them.
 */
TEST_F_TIMEOUT(ksm, merge, MNCK_TIMEOUT)
{
	EXPECT_NO_RANGES(&self->path);
	KSM_UNTIL(same_page(self->first, self->second));
	EXPECT_RANGES(&self->path,
		      RANGE(CLEAR, self->second, self->page, PROTECT, .pid = self->ksmd),
		      RANGE(CLEAR, self->first, self->page, PROTECT, .pid = self->ksmd),
		      RANGE(CLEAR, self->first, self->page, REPLACE, .pid = self->ksmd));

	/* One more, while there is what it can be merged with. */
	self->other[0] = self->first[0];
	KSM_UNTIL(same_page(self->first, self->other));
	EXPECT_RANGES(&self->path,
		      RANGE(CLEAR, self->other, self->page, PROTECT, .pid = self->ksmd),
		      RANGE(CLEAR, self->other, self->page, REPLACE, .pid = self->ksmd));
}

/* The last who has it gets a copy too. */
TEST_F_TIMEOUT(ksm, write, MNCK_TIMEOUT)
{
	KSM_UNTIL(same_page(self->first, self->second));
	path_collect(&self->path);
	EXPECT_EQ(0x5a, *(volatile char *)self->first);
	EXPECT_NO_RANGES(&self->path);
	self->first[0] = 2;
	EXPECT_RANGES(&self->path, RANGE(CLEAR, self->first, self->page, BY_COPY));
	self->second[0] = 2;
	EXPECT_RANGES(&self->path, RANGE(CLEAR, self->second, self->page, BY_COPY));
	self->second[0] = 3;
	EXPECT_NO_RANGES(&self->path);
}

TEST_F_TIMEOUT(ksm, unmerge, MNCK_TIMEOUT)
{
	KSM_UNTIL(same_page(self->first, self->second));
	path_collect(&self->path);
	ASSERT_EQ(0, madvise(PATH_AREA, 3 * self->page, MADV_UNMERGEABLE));
	EXPECT_FALSE(same_page(self->first, self->second));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, self->first, self->page, BY_COPY),
		      RANGE(CLEAR, self->second, self->page, BY_COPY));
	ASSERT_EQ(0, madvise(PATH_AREA, 3 * self->page, MADV_UNMERGEABLE));
	EXPECT_NO_RANGES(&self->path);
}

/* All of them, by who asks for it in sysfs. */
TEST_F_TIMEOUT(ksm, unmerge_all, MNCK_TIMEOUT)
{
	KSM_UNTIL(same_page(self->first, self->second));
	path_collect(&self->path);
	ASSERT_EQ(0, file_write(KSM "run", "2"));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, self->first, self->page, BY_COPY),
		      RANGE(CLEAR, self->second, self->page, BY_COPY));
}

/* A page of zeroes needs no other. */
TEST_F_TIMEOUT(ksm, zero_page, MNCK_TIMEOUT)
{
	char *zero = PATH_AREA + 16 * self->page;

	ASSERT_EQ(0, map_untouched(zero, self->page));
	EXPECT_EQ(0, *(volatile char *)zero);
	memset(self->first, 0, self->page);
	ASSERT_EQ(0, file_write(KSM "use_zero_pages", "1"));
	KSM_UNTIL(same_page(self->first, zero));
	EXPECT_RANGES(&self->path,
		      RANGE(CLEAR, self->first, self->page, PROTECT, .pid = self->ksmd),
		      RANGE(CLEAR, self->first, self->page, REPLACE, .pid = self->ksmd));
	self->first[0] = 1;
	EXPECT_RANGES(&self->path, RANGE(CLEAR, self->first, self->page, BY_COPY));
}

/* What finds no other like it is looked at, and that is all. */
TEST_F_TIMEOUT(ksm, different, MNCK_TIMEOUT)
{
	long scans = setting_number(KSM "full_scans");

	ASSERT_LE(0, scans);
	self->first[0] = 2;
	KSM_UNTIL(setting_number(KSM "full_scans") >= scans + 4);
	EXPECT_NO_RANGES(&self->path);
}

TEST_HARNESS_MAIN
