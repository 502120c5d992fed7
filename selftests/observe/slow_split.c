// SPDX-License-Identifier: GPL-2.0
/*
 * Rule latency, while a huge page is split: a driver's start takes long, and mnck names it with
 * the function of mm that splits the page.
 */
#include "file.h"
#include "huge.h"
#include "initiators.h"
#include "kmsg.h"
#include "mnck_harness.h"
#include "observed.h"
#include "option.h"
#include "settings.h"
#include "violation.h"

/* The driver "slow" takes longer than the limit, and nothing else does. */
#define LIMIT_MS 2000
#define SLOW "slow 3000"

#define AREA ((char *)0x200000000UL)

FIXTURE(slow_split)
{
	int kmsg;
	/* The drivers of this process. */
	int clean;
	int slow;
	size_t page;
	size_t huge;
	struct settings settings;
};

FIXTURE_SETUP(slow_split)
{
	REQUIRE_OPTION(has_thp(), "TRANSPARENT_HUGEPAGE");
	WATCH_MISTAKES();
	self->page = getpagesize();
	self->slow = -1;
	self->huge = huge_on_request(&self->settings);
	ASSERT_LT(0, self->huge);
	ASSERT_EQ(0, mnck_set_parameter("latency_limit_ms", LIMIT_MS));
	self->kmsg = kmsg_open(O_NONBLOCK);
	ASSERT_LE(0, self->kmsg);
	/* Only the huge page is changed from here on. */
	ASSERT_EQ(0, own_pages());
	ASSERT_EQ(0, huge_map(AREA, self->huge));
	self->clean = mistakes_subscribe("clean");
	ASSERT_LE(0, self->clean);
	WAIT_UNTIL_PROBED(OF_MISTAKES("clean_end"));
}

FIXTURE_TEARDOWN(slow_split)
{
	if (self->slow >= 0)
		EXPECT_EQ(0, close(self->slow));
	EXPECT_EQ(0, close(self->clean));
	EXPECT_EQ(0, settings_restore(&self->settings));
	EXPECT_EQ(0, mnck_set_parameter("latency_limit_ms", 0));
	UNWATCH_MISTAKES();
	close(self->kmsg);
}

/* Begins two ranges: one of the huge page, which is split, and one of its first page. */
#define UNMAP_A_PART()                                                                  \
	do {                                                                            \
		ASSERT_EQ(0, munmap(AREA, self->page));                                 \
		EXPECT_FALSE(huge_mapped(AREA, self->huge));                            \
		EXPECT_EQ(2, probed_calls(OF_MISTAKES("clean_start")));                 \
	} while (0)

/* Returns whether a line has the range of the split, the function that begins it, and the task. */
static bool is_in_split(const char *line, size_t huge)
{
	struct violation split = {
		.event = "CLEAR", .start = (unsigned long)AREA,
		.end = (unsigned long)AREA + huge, .blockable = true,
	};
	char names[] = BY_SPLIT;

	/* The compiler may have made one of them a part of another. */
	for (char *name = strtok(names, " "); name; name = strtok(NULL, " ")) {
		split.initiator = name;
		if (violation_is_in(&split, line))
			return true;
	}
	return false;
}

TEST_F_TIMEOUT(slow_split, named, 2 * MNCK_TIMEOUT)
{
	const char *function = OF_MISTAKES("slow_start");
	char record[4096];

	self->slow = mistakes_subscribe(SLOW);
	ASSERT_LE(0, self->slow);
	WAIT_UNTIL_PROBED(function);
	announce_broken("latency", function);
	UNMAP_A_PART();
	WAIT_UNTIL(broken("latency", function) == 2);
	ASSERT_EQ(0, mnck_set_parameter("watch", 0));

	/* The first one is that of the split. */
	WAIT_UNTIL(next_line(self->kmsg, record, sizeof(record)));
	EXPECT_NE(NULL, strstr(record, "latency: slow_start [" MISTAKES_MODULE "]: start took "))
		TH_LOG("%s", record);
	EXPECT_TRUE(is_in_split(record, self->huge)) TH_LOG("%s", record);
	EXPECT_NO_LINE(self->kmsg);
	EXPECT_FALSE(is_accused("clean_"));
}

/* A split beside drivers that are fast is not reported. */
TEST_F_TIMEOUT(slow_split, silent, MNCK_TIMEOUT)
{
	UNMAP_A_PART();
	ASSERT_EQ(0, mnck_set_parameter("watch", 0));
	EXPECT_NO_LINE(self->kmsg);
	EXPECT_FALSE(is_accused("[" MISTAKES_MODULE "]"));
}

TEST_HARNESS_MAIN
