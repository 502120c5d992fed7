// SPDX-License-Identifier: GPL-2.0
/*
 * Two bugs of core mm, see Documentation/core-bugs.md, are reported though no subscriber of
 * mnck's is there: the only driver does nothing wrong, and is not accused.  stuck.c has the
 * third.
 */
#include "damon.h"
#include "file.h"
#include "kmsg.h"
#include "mnck_harness.h"
#include "observed.h"
#include "option.h"
#include "pages.h"
#include "violation.h"

FIXTURE(core_bugs)
{
	int kmsg;
	int driver;
	size_t page;
};

FIXTURE_SETUP(core_bugs)
{
	self->page = getpagesize();
	WATCH_MISTAKES();
	self->kmsg = kmsg_open(O_NONBLOCK);
	ASSERT_LE(0, self->kmsg);
}

FIXTURE_TEARDOWN(core_bugs)
{
	EXPECT_EQ(0, close(self->driver));
	UNWATCH_MISTAKES();
	close(self->kmsg);
}

/* The core has broken the rule: one line, which has @_text and names this task or @_task. */
#define EXPECT_CORE_NAMED(_rule, _text, _task)                                          \
	do {                                                                            \
		char record_[4096];                                                     \
											\
		announce_broken(_rule, "core");                                         \
		WAIT_UNTIL(broken(_rule, "core"));                                      \
		/* No report comes any more. */                                         \
		ASSERT_EQ(0, mnck_set_parameter("watch", 0));                           \
		WAIT_UNTIL(next_line(self->kmsg, record_, sizeof(record_)));            \
		EXPECT_NE(NULL, strstr(record_, _rule ": core: " _text))                \
			TH_LOG("%s: not %s", record_, _text);                           \
		EXPECT_NE(NULL, strstr(record_, _task))                                 \
			TH_LOG("%s: not %s", record_, _task);                           \
		EXPECT_NO_LINE(self->kmsg);                                             \
		EXPECT_FALSE(is_accused("[" MISTAKES_MODULE "]"));                      \
	} while (0)

/* mprotect() of memory at address 0 starts a range and never ends it. */
TEST_F_TIMEOUT(core_bugs, leak, MNCK_TIMEOUT)
{
	struct mistakes_calls calls = {};
	char task[64];

	ASSERT_NE(MAP_FAILED, mmap(NULL, self->page, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0))
		TH_LOG("%m: not root?");
	ASSERT_EQ(0, own_pages());
	self->driver = mistakes_subscribe("clean");
	ASSERT_LE(0, self->driver);
	WAIT_UNTIL_PROBED(OF_MISTAKES("clean_end"));

	ASSERT_EQ(0, mprotect(NULL, self->page, PROT_READ));
	ASSERT_TRUE(mistakes_calls("clean", &calls));
	if (calls.begun == calls.ended)
		return;	/* This kernel has no such bug. */
	snprintf(task, sizeof(task), ", %s[%d]", program_invocation_short_name, getpid());
	EXPECT_CORE_NAMED("pairing", "range without an end: PROTECTION_VMA 0x0-", task);
}

/* DAMON asks about a page's length from an address within the page. */
TEST_F_TIMEOUT(core_bugs, young, MNCK_TIMEOUT)
{
	struct mistakes_calls calls = {};
	const char *refused;
	char *area;

	REQUIRE_OPTION(has_damon(), "DAMON_SYSFS");
	ASSERT_EQ(0, small_pages());
	area = mmap(NULL, 3 * self->page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		    -1, 0);
	ASSERT_NE(MAP_FAILED, area);
	memset(area, 1, 3 * self->page);
	ASSERT_EQ(0, own_pages());
	WAIT_UNTIL(pages_on_lru(area, 3 * self->page));
	self->driver = mistakes_subscribe("aging");
	ASSERT_LE(0, self->driver);
	WAIT_UNTIL_PROBED(OF_MISTAKES("aging_clear_young"));

	refused = damon_start(area + self->page, self->page);
	ASSERT_EQ(NULL, refused) TH_LOG(DAMON_NEEDS, refused);
	/* It chooses an address in the page at random, each time. */
	do {
		usleep(500);
		ASSERT_TRUE(mistakes_calls("aging", &calls));
	} while (calls.begun < 5 && !calls.ended);
	damon_stop();
	ASSERT_TRUE(mistakes_calls("aging", &calls));
	EXPECT_EQ(calls.begun, probed_calls(OF_MISTAKES("aging_clear_young")));
	if (calls.ended)
		EXPECT_CORE_NAMED("range", "range is empty or not page-aligned: YOUNG ",
				  ", kdamond.");
}

TEST_HARNESS_MAIN
