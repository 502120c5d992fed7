// SPDX-License-Identifier: GPL-2.0
/*
 * Rule sequence, with drivers of which mnck knows nothing: one refuses a range, as it may,
 * beside another that subscribes to an interval and does nothing wrong.
 *
 * Up to Linux 7.3 the core does not end the range on the side of the intervals: see the first
 * bug in Documentation/core-bugs.md.  The driver of the interval then waits for ever when it
 * removes it.  mnck says so at once, and which driver has refused.
 */
#include "file.h"
#include "kmsg.h"
#include "mnck_harness.h"
#include "observed.h"
#include "proc.h"
#include "victim.h"
#include "violation.h"

#define REFUSING OF_MISTAKES("refusing_start")

/* How long a report may take, and a task that waits unkillably waits for ever, in ms. */
#define PATIENCE 5000

FIXTURE(stuck)
{
	int kmsg;
	struct victim victim;
};

FIXTURE_VARIANT(stuck)
{
	const char *interval;
};

/* The refused range overlaps the interval. */
FIXTURE_VARIANT_ADD(stuck, overlapped)
{
	.interval = "clean_interval" IN_AREA,
};

/* No refused range does; but the exit will. */
FIXTURE_VARIANT_ADD(stuck, elsewhere)
{
	.interval = "clean_interval 0x20000000000 0x1000",
};

FIXTURE_SETUP(stuck)
{
	REQUIRE_TABLES();
	REQUIRE_OPTION(has_fprobe(), "FPROBE");
	/* Another case of this program may have left its victim and so the module. */
	if (access(MISTAKES_DEVICE, F_OK))
		INSERT_MISTAKES();
	ASSERT_EQ(0, file_write(TABLES "violations", "clear"));
	ASSERT_EQ(0, mnck_set_parameter("watch", 1));
	self->kmsg = kmsg_open(O_NONBLOCK);
	ASSERT_LE(0, self->kmsg);
	ASSERT_EQ(0, victim_start(&self->victim, MISTAKES_PAGES * getpagesize()));
	ASSERT_EQ(0, victim_trace_exit(&self->victim));
}

FIXTURE_TEARDOWN(stuck)
{
	/* It does not wait for the task that does not end. */
	EXPECT_EQ(0, mnck_set_parameter("watch", 0));
	if (self->victim.pid)
		victim_kill(&self->victim);
	close(self->kmsg);
}

/* Returns whether a victim that goes on with its exit ends. */
static bool ends(const struct victim *v)
{
	siginfo_t info = {};

	for (int waits = 0; waits < PATIENCE; waits += 10) {
		usleep(10000);
		waitid(P_PID, v->pid, &info, WEXITED | WNOHANG | WNOWAIT);
		if (info.si_pid)
			return true;
		if (!proc_sleeps_in(v->pid, v->pid, "mmu_interval_notifier_remove"))
			waits = 0;
	}
	return false;
}

static const char *report(void)
{
	const char *line;

	for (int waits = 0; waits < PATIENCE; waits += 10) {
		line = first_broken("sequence", "core");
		if (line)
			return line;
		usleep(10000);
	}
	return NULL;
}

TEST_F_TIMEOUT(stuck, refused, MNCK_TIMEOUT)
{
	struct victim *v = &self->victim;
	char record[4096], first[512] = "";
	const char *line;

	ASSERT_EQ(0, victim_driver(v, "refusing"));
	ASSERT_EQ(0, victim_driver(v, variant->interval));
	WAIT_UNTIL_PROBED(REFUSING);
	ASSERT_EQ(0, victim_doom(v));
	EXPECT_ERRNO(EAGAIN, victim_mrelease(v));
	line = report();
	if (line)
		snprintf(first, sizeof(first), "%s", line);

	ASSERT_EQ(0, ptrace(PTRACE_CONT, v->pid, NULL, 0));
	if (ends(v)) {
		EXPECT_EQ(SIGKILL, WTERMSIG(victim_join(v)));
		EXPECT_STREQ("", first);
		EXPECT_NO_LINE(self->kmsg);
		return;
	}
	v->pid = 0;
	announce_broken("sequence", "core");
	EXPECT_NE(NULL, strstr(first, " after " REFUSING " refused: CLEAR ")) TH_LOG("%s", first);
	EXPECT_NE(NULL, strstr(first, " non-blockable, in zap_vma_for_reaping, "))
		TH_LOG("%s", first);
	WAIT_UNTIL(next_line(self->kmsg, record, sizeof(record)));
	EXPECT_NE(NULL, strstr(record, first + strlen("  first "))) TH_LOG("%s", record);
	XFAIL(return, "the core does not end the interval side of a refused range");
}

TEST_HARNESS_MAIN
