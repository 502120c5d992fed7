// SPDX-License-Identifier: GPL-2.0
/*
 * The table of violations in debugfs: how often each rule was broken, and the first and
 * the last violation of each rule by each subscriber, until a user clears it.
 */
#include "file.h"
#include "mnck_harness.h"
#include "observed.h"
#include "option.h"
#include "victim.h"
#include "violation.h"

#define VIOLATIONS TABLES "violations"

/* A driver that breaks rule sequence in each range, of which the core does not warn. */
#define FORGETFUL OF_MISTAKES("forgetful_invalidate")
#define DOES "invalidate did not set the sequence"

/* More than the table has lines for one subscriber. */
#define NOISE 40

FIXTURE(violations)
{
	int log;
	size_t page;
	struct victim victim;
};

FIXTURE_SETUP(violations)
{
	self->page = getpagesize();
	WATCH_MISTAKES();
	self->log = kmsg_open(O_NONBLOCK);
	ASSERT_LE(0, self->log);
	ASSERT_EQ(0, victim_start(&self->victim, MISTAKES_PAGES * self->page));
	ASSERT_EQ(0, victim_driver(&self->victim, "forgetful" IN_AREA));
	WAIT_UNTIL_PROBED(FORGETFUL);
	announce_broken("sequence", FORGETFUL);
}

FIXTURE_TEARDOWN(violations)
{
	victim_kill(&self->victim);
	UNWATCH_MISTAKES();
	close(self->log);
}

/* The victim changes its page with this number. */
#define CHANGE(_nr)                                                                     \
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_DONTNEED,                          \
			       VICTIM_AREA + (_nr) * self->page, self->page))

/* The driver's record: its count, and the pages of its first and its last violation. */
#define EXPECT_RECORD(_count, _first, _last)                                            \
	do {                                                                            \
		char line_[256];                                                        \
											\
		WAIT_UNTIL(broken("sequence", FORGETFUL) >= (_count));                  \
		EXPECT_EQ(_count, broken("sequence", FORGETFUL));                       \
		snprintf(line_, sizeof(line_),                                          \
			 "  first sequence: " FORGETFUL ": " DOES ": CLEAR %#lx-",         \
			 (unsigned long)VICTIM_AREA + (_first) * self->page);           \
		EXPECT_TRUE(is_accused(line_)) TH_LOG("no %s", line_);                  \
		snprintf(line_, sizeof(line_),                                          \
			 "  last  sequence: " FORGETFUL ": " DOES ": CLEAR %#lx-",         \
			 (unsigned long)VICTIM_AREA + (_last) * self->page);            \
		EXPECT_TRUE(is_accused(line_)) TH_LOG("no %s", line_);                  \
	} while (0)

/* However often a subscriber breaks a rule, the table has the first time and the last. */
TEST_F_TIMEOUT(violations, noise, MNCK_TIMEOUT)
{
	CHANGE(1);
	EXPECT_RECORD(1, 1, 1);
	for (int i = 0; i < NOISE; i++)
		CHANGE(0);
	CHANGE(2);
	EXPECT_RECORD(NOISE + 2, 1, 2);
	EXPECT_EQ(NOISE + 2, rule_count("sequence"));
	EXPECT_EQ(0, rule_count("pairing"));
	EXPECT_EQ(0, rule_count("lifetime"));
	/* This is not counted: lockdep reports its own, once. */
	EXPECT_NE(NULL, strstr(table_row("violations", "lock-order") ?: "", " lockdep"));
}

/* To write "clear" clears the table, but a subscriber is not warned of again. */
TEST_F_TIMEOUT(violations, clear, MNCK_TIMEOUT)
{
	static const char * const bad[] = { "x", "clear it", "clear0000000000", "cle" };
	char record[4096];

	CHANGE(1);
	WAIT_UNTIL(next_line(self->log, record, sizeof(record)));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_ERRNO(EINVAL, file_write(VIOLATIONS, bad[i]));
	EXPECT_ERRNO(EINVAL, file_write(TABLES "subscribers", "clear"));
	EXPECT_RECORD(1, 1, 1);

	ASSERT_EQ(0, file_write(VIOLATIONS, "clear"));
	EXPECT_EQ(0, rule_count("sequence"));
	EXPECT_FALSE(is_accused(FORGETFUL));

	CHANGE(2);
	EXPECT_RECORD(1, 2, 2);
	EXPECT_EQ(1, rule_count("sequence"));
	EXPECT_NO_LINE(self->log);
}

TEST_HARNESS_MAIN
