// SPDX-License-Identifier: GPL-2.0
/*
 * mnck names the callback of a driver that breaks a rule, though it has not registered the
 * driver: a plain module, which knows nothing of mnck.
 *
 * Each victim has a driver that makes one mistake, and beside it one that makes none.  It
 * unmaps a page of its area, which is blockable, and may then be reaped, which is not.
 *
 * sleeps.c has the drivers that sleep in the callbacks of a range.
 */
#include "file.h"
#include "kmsg.h"
#include "mnck_harness.h"
#include "observed.h"
#include "proc.h"
#include "reap_victim.h"
#include "victim.h"
#include "violation.h"

#define AREA_SIZE ((size_t)MISTAKES_PAGES * getpagesize())

/* The driver "slow" takes longer than the limit, and nothing else does. */
#define LIMIT_MS 2000
#define SLOW "slow 3000"

FIXTURE(observed)
{
	int kmsg;
	size_t page;
	struct victim victim;
	struct reapable reap;
};

FIXTURE_VARIANT(observed)
{
	/* What the victim writes to have the drivers: one with the mistake, and one without. */
	const char *line;
	const char *twin;
	/* Whether the one with the mistake hears of the area only. */
	bool interval;
	/* Its callback that breaks the rule, and how. */
	const char *function;
	const char *rule;
	const char *what;
	/* Whether it does so in a non-blockable range. */
	bool reaped;
	/* Whether the line says which range it was. */
	bool no_range;
	/* Whether the core warns too. */
	bool warns;
};

FIXTURE_VARIANT_ADD(observed, wrong_code)
{
	.line = "wrong_code", .twin = "refusing",
	.function = OF_MISTAKES("wrong_code_start"), .reaped = true, .warns = true,
	.rule = "failure", .what = ": start failed with -22: ",
};

FIXTURE_VARIANT_ADD(observed, failing)
{
	.line = "failing", .twin = "refusing",
	.function = OF_MISTAKES("failing_start"), .warns = true,
	.rule = "failure", .what = ": start failed with -22 for a blockable range: ",
};

FIXTURE_VARIANT_ADD(observed, refuses_blockable)
{
	.line = "refuses_blockable", .twin = "refusing",
	.function = OF_MISTAKES("refuses_blockable_start"), .warns = true,
	.rule = "failure", .what = ": start failed with -11 for a blockable range: ",
};

FIXTURE_VARIANT_ADD(observed, refuses_blockable_interval)
{
	.line = "refuses_blockable_interval" IN_AREA, .twin = "refusing_interval" IN_AREA,
	.function = OF_MISTAKES("refuses_blockable_invalidate"), .interval = true, .warns = true,
	.rule = "failure", .what = " returned false for a blockable range: ",
};

FIXTURE_VARIANT_ADD(observed, refuses_with_end)
{
	.line = "refuses_with_end", .twin = "refusing",
	.function = OF_MISTAKES("refuses_with_end_start"), .reaped = true, .warns = true,
	.rule = "failing-end", .what = ": start refused, but the subscriber has an end: ",
};

FIXTURE_VARIANT_ADD(observed, sleeping_finish)
{
	.line = "sleeping_finish" IN_AREA, .twin = "clean_two_pass" IN_AREA,
	.function = OF_MISTAKES("sleeping_finish"), .interval = true, .reaped = true,
	.rule = "non-block", .what = ": finish slept ",
};

FIXTURE_VARIANT_ADD(observed, sleeping_tlbs)
{
	.line = "sleeping_tlbs", .twin = "clean_tlbs",
	.function = OF_MISTAKES("sleeping_tlbs"), .no_range = true,
	.rule = "non-block", .what = " slept ",
};

FIXTURE_VARIANT_ADD(observed, forgetful)
{
	.line = "forgetful" IN_AREA, .twin = "clean_interval" IN_AREA,
	.function = OF_MISTAKES("forgetful_invalidate"), .interval = true,
	.rule = "sequence", .what = " did not set the sequence: ",
};

/* The first that refuses is the last that is called, so it stands alone. */
FIXTURE_VARIANT_ADD(observed, leaves_finish)
{
	.line = "leaves_finish" IN_AREA,
	.function = OF_MISTAKES("leaves_finish_pass"), .interval = true, .reaped = true,
	.rule = "finish", .what = " refused, but left a finish structure: ",
};

FIXTURE_VARIANT_ADD(observed, slow)
{
	.line = SLOW, .twin = "clean",
	.function = OF_MISTAKES("slow_start"),
	.rule = "latency", .what = ": start took ",
};

FIXTURE_SETUP(observed)
{
	self->page = getpagesize();
	WATCH_MISTAKES();
	ASSERT_EQ(0, mnck_set_parameter("latency_limit_ms", LIMIT_MS));
	self->kmsg = kmsg_open(O_NONBLOCK);
	ASSERT_LE(0, self->kmsg);
	ASSERT_EQ(0, victim_start(&self->victim, AREA_SIZE));
	ASSERT_EQ(0, victim_trace_exit(&self->victim));
}

FIXTURE_TEARDOWN(observed)
{
	victim_kill(&self->victim);
	UNWATCH_MISTAKES();
	EXPECT_EQ(0, mnck_set_parameter("latency_limit_ms", 0));
	close(self->kmsg);
}

/* The first report has the range, its initiator and the victim. */
#define EXPECT_FIRST(_violation)                                                        \
	do {                                                                            \
		const char *line_ = first_broken(variant->rule, variant->function);     \
		char place_[256];                                                       \
											\
		ASSERT_NE(NULL, line_);                                                 \
		EXPECT_NE(NULL, strstr(line_, variant->what))                           \
			TH_LOG("%s: not %s", line_, variant->what);                     \
		violation_place(_violation, place_, sizeof(place_));                    \
		/* Without a range there is the task alone. */                          \
		EXPECT_TRUE(variant->no_range ?                                         \
			    !!strstr(line_, strrchr(place_, ',')) :                     \
			    violation_is_in(_violation, line_))                         \
			TH_LOG("%s: not %s", line_, place_);                            \
	} while (0)

/* The driver is named once in the log, and it alone is accused. */
TEST_F_TIMEOUT(observed, named, MNCK_TIMEOUT)
{
	struct victim *v = &self->victim;
	struct violation violation;
	char record[4096], name[128];
	long times = 1;

	announce_broken(variant->rule, variant->function);
	if (variant->warns)
		announce_core_warns();
	if (variant->twin)
		ASSERT_EQ(0, victim_driver(v, variant->twin));
	ASSERT_EQ(0, victim_driver(v, variant->line));
	WAIT_UNTIL_PROBED(variant->function);

	violation = in_munmap(VICTIM_AREA, self->page);
	ASSERT_EQ(0, victim_do(v, VICTIM_MUNMAP, VICTIM_AREA, self->page));
	if (variant->reaped) {
		ASSERT_EQ(0, victim_doom(v));
		ASSERT_EQ(0, proc_reapable(v->pid, &self->reap));
		violation = in_reaping(&self->reap);
		if (variant->interval) {
			violation.start = (unsigned long)VICTIM_AREA + self->page;
			violation.end = (unsigned long)VICTIM_AREA + AREA_SIZE;
		} else {
			times = self->reap.vmas;
		}
		victim_mrelease(v);
	}
	violation.pid = variant->reaped ? 0 : v->pid;
	WAIT_UNTIL(broken(variant->rule, variant->function) >= times);
	EXPECT_FIRST(&violation);
	if (!variant->no_range)
		EXPECT_EQ(times, broken(variant->rule, variant->function));

	/* No report comes any more. */
	ASSERT_EQ(0, mnck_set_parameter("watch", 0));
	snprintf(name, sizeof(name), ";mnck: %s: %s: ", variant->rule, variant->function);
	WAIT_UNTIL(next_line(self->kmsg, record, sizeof(record)));
	EXPECT_NE(NULL, strstr(record, name)) TH_LOG("%s: not %s", record, name);
	EXPECT_NO_LINE(self->kmsg);
}

TEST_HARNESS_MAIN
