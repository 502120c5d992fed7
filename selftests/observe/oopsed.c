// SPDX-License-Identifier: GPL-2.0
/*
 * A callback of a driver that mnck has not registered oopses, on a kernel that goes on after
 * that.  The task dies in the callback, and its exit waits for ever.  The table of running
 * callbacks has the callback, and rule stall names it with a task that waits for it.
 *
 * The program is the last one of its guest: neither task ever ends, nor can the module with the
 * driver be removed.
 */
#include "file.h"
#include "kmsg.h"
#include "mnck_harness.h"
#include "observed.h"
#include "proc.h"
#include "settings.h"
#include "victim.h"
#include "violation.h"

#define OOPSING OF_MISTAKES("oopsing_start")
#define LIMIT_MS 1

FIXTURE(oopsed)
{
	int kmsg;
	struct settings settings;
	struct victim victim;
	struct victim waiter;
};

FIXTURE_SETUP(oopsed)
{
	/* Neither the oops nor a task that never ends must end the guest. */
	WATCH_MISTAKES();
	ASSERT_EQ(0, setting_change(&self->settings, "/proc/sys/kernel/panic_on_oops", "0"));
	/* Not every kernel looks for such tasks. */
	setting_change(&self->settings, "/proc/sys/kernel/hung_task_panic", "0");
	ASSERT_EQ(0, mnck_set_parameter("stall_limit_ms", 0));
	ASSERT_EQ(0, victim_start(&self->victim, getpagesize()));
	ASSERT_EQ(0, victim_start(&self->waiter, getpagesize()));
	self->kmsg = kmsg_open(O_NONBLOCK);
	ASSERT_LE(0, self->kmsg);
}

/* The victim and the waiter stay: nothing can end them. */
FIXTURE_TEARDOWN(oopsed)
{
	EXPECT_EQ(0, mnck_set_parameter("watch", 0));
	close(self->kmsg);
}

TEST_F_TIMEOUT(oopsed, start, MNCK_TIMEOUT)
{
	struct victim *v = &self->victim, *waiter = &self->waiter;
	char task[64], waiting[96], record[4096];
	const char *line;

	ASSERT_EQ(0, victim_driver(waiter, "clean"));
	ASSERT_EQ(0, victim_driver(v, "oopsing"));
	WAIT_UNTIL_PROBED(OOPSING);
	ksft_print_msg("mnck-expect: OOPS NULL pointer dereference\n");
	ASSERT_EQ(0, victim_send(v, VICTIM_MUNMAP, VICTIM_AREA, getpagesize()));
	WAIT_UNTIL(proc_sleeps_in(v->pid, v->pid, "synchronize_srcu"));

	line = table_row("running", OOPSING);
	ASSERT_NE(NULL, line);
	snprintf(task, sizeof(task), " %s[%d] ", program_invocation_short_name, v->pid);
	EXPECT_NE(NULL, strstr(line, task)) TH_LOG("%s: not %s", line, task);
	EXPECT_EQ(0, probed_calls(OOPSING));

	ASSERT_EQ(0, victim_driver_send(waiter, "-clean"));
	WAIT_UNTIL(proc_sleeps_in(waiter->pid, waiter->pid, "synchronize_srcu"));
	announce_broken("stall", OOPSING);
	ASSERT_EQ(0, mnck_set_parameter("stall_limit_ms", LIMIT_MS));
	WAIT_UNTIL(next_line(self->kmsg, record, sizeof(record)));
	EXPECT_NE(NULL, strstr(record, "stall: " OOPSING ": start has not returned "))
		TH_LOG("%s", record);
	snprintf(waiting, sizeof(waiting), ", 1 waiting, first %s[%d] in unregister",
		 program_invocation_short_name, waiter->pid);
	EXPECT_NE(NULL, strstr(record, waiting)) TH_LOG("%s: not %s", record, waiting);
}

TEST_HARNESS_MAIN
