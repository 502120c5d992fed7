// SPDX-License-Identifier: GPL-2.0
/*
 * Drivers that break no rule are not reported, and each of their calls is counted once.
 */
#include "file.h"
#include "kmsg.h"
#include "mnck_harness.h"
#include "observed.h"
#include "proc.h"
#include "victim.h"
#include "violation.h"

#define AREA_SIZE ((size_t)MISTAKES_PAGES * getpagesize())

FIXTURE(silent)
{
	int kmsg;
	struct victim victim;
	struct reapable reap;
};

FIXTURE_VARIANT(silent)
{
	/* What the victim writes to have the driver. */
	const char *line;
	/* Its callbacks. */
	const char *begins;
	const char *ends;
	/* Whether it refuses each non-blockable range, and whether it hears of the area only. */
	bool refuses;
	bool interval;
	/* How often it is called depends on the kernel. */
	bool flushed;
};

FIXTURE_VARIANT_ADD(silent, clean)
{
	.line = "clean",
	.begins = OF_MISTAKES("clean_start"), .ends = OF_MISTAKES("clean_end"),
};

FIXTURE_VARIANT_ADD(silent, refusing)
{
	.line = "refusing", .begins = OF_MISTAKES("refusing_start"), .refuses = true,
};

FIXTURE_VARIANT_ADD(silent, sleeps_if_blockable)
{
	.line = "sleeps_if_blockable",
	.begins = OF_MISTAKES("sleeps_if_blockable_start"), .ends = OF_MISTAKES("clean_end"),
};

FIXTURE_VARIANT_ADD(silent, clean_tlbs)
{
	.line = "clean_tlbs", .begins = OF_MISTAKES("clean_tlbs"), .flushed = true,
};

FIXTURE_VARIANT_ADD(silent, clean_interval)
{
	.line = "clean_interval" IN_AREA, .begins = OF_MISTAKES("clean_invalidate"),
	.interval = true,
};

FIXTURE_VARIANT_ADD(silent, refusing_interval)
{
	.line = "refusing_interval" IN_AREA, .begins = OF_MISTAKES("refusing_invalidate"),
	.interval = true, .refuses = true,
};

FIXTURE_VARIANT_ADD(silent, clean_two_pass)
{
	.line = "clean_two_pass" IN_AREA, .interval = true,
	.begins = OF_MISTAKES("clean_pass"), .ends = OF_MISTAKES("clean_finish"),
};

FIXTURE_VARIANT_ADD(silent, refusing_two_pass)
{
	.line = "refusing_two_pass" IN_AREA, .interval = true, .refuses = true,
	.begins = OF_MISTAKES("refusing_pass"), .ends = OF_MISTAKES("clean_finish"),
};

/* Without a reader no sequence need be set. */
FIXTURE_VARIANT_ADD(silent, never_reads)
{
	.line = "never_reads" IN_AREA, .begins = OF_MISTAKES("never_reads_invalidate"),
	.interval = true,
};

FIXTURE_SETUP(silent)
{
	WATCH_MISTAKES();
	self->kmsg = kmsg_open(O_NONBLOCK);
	ASSERT_LE(0, self->kmsg);
	ASSERT_EQ(0, victim_start(&self->victim, AREA_SIZE));
	ASSERT_EQ(0, victim_trace_exit(&self->victim));
}

FIXTURE_TEARDOWN(silent)
{
	victim_kill(&self->victim);
	UNWATCH_MISTAKES();
	close(self->kmsg);
}

/* The probes have counted what the driver has. */
#define EXPECT_CALLS_SEEN(_before)                                                      \
	do {                                                                            \
		struct mistakes_calls calls_ = {};                                      \
		struct probed row_ = {};                                                \
											\
		ASSERT_TRUE(mistakes_calls(variant->line, &calls_));                    \
		ASSERT_TRUE(probed(variant->begins, &row_));                            \
		EXPECT_EQ(calls_.begun - (_before).begun, row_.calls);                  \
		EXPECT_EQ(0, row_.missed);                                              \
		if (variant->ends)                                                      \
			EXPECT_EQ(calls_.ended - (_before).ended, probed_calls(variant->ends)); \
	} while (0)

TEST_F_TIMEOUT(silent, driver, MNCK_TIMEOUT)
{
	struct mistakes_calls before = {};
	struct victim *v = &self->victim;
	struct probed row = {};

	ASSERT_EQ(0, victim_driver(v, variant->line));
	WAIT_UNTIL_PROBED(variant->begins);
	if (variant->ends)
		WAIT_UNTIL_PROBED(variant->ends);
	/* The victim only waits for orders, so no range has begun meanwhile. */
	ASSERT_TRUE(mistakes_calls(variant->line, &before));
	for (int i = 0; i < MISTAKES_PAGES - 1; i++)
		ASSERT_EQ(0, victim_do(v, VICTIM_MUNMAP, VICTIM_AREA + i * getpagesize(),
				       getpagesize()));
	EXPECT_CALLS_SEEN(before);
	ASSERT_TRUE(probed(variant->begins, &row));
	EXPECT_EQ(0, row.refused);
	EXPECT_LE(MISTAKES_PAGES - 1, row.calls);
	if (!variant->flushed)
		EXPECT_EQ(MISTAKES_PAGES - 1, row.calls);

	ASSERT_EQ(0, victim_doom(v));
	ASSERT_EQ(0, proc_reapable(v->pid, &self->reap));
	EXPECT_ERRNO(variant->refuses ? EAGAIN : 0, victim_mrelease(v));
	EXPECT_CALLS_SEEN(before);
	ASSERT_TRUE(probed(variant->begins, &row));
	EXPECT_EQ(!variant->refuses ? 0 : variant->interval ? 1 : self->reap.vmas, row.refused);

	/* At the exit there is a range for each subscriber to an interval. */
	victim_kill(v);
	ASSERT_EQ(0, mnck_set_parameter("watch", 0));
	EXPECT_NO_LINE(self->kmsg);
	EXPECT_FALSE(is_accused("[" MISTAKES_MODULE "]"));
}

TEST_HARNESS_MAIN
