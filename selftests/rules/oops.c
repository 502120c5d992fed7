// SPDX-License-Identifier: GPL-2.0
/*
 * A callback that oopses, on a kernel that goes on after that.  The task dies, but is
 * never gone: its exit waits for its own callback.  The table of running callbacks has the
 * callback, and rule stall names the task that waits for it.
 *
 * The program is the last one of its guest: neither task ever ends, nor can the module be
 * removed.
 */
#include "kmsg.h"
#include "mnck_harness.h"
#include "module.h"
#include "proc.h"
#include "settings.h"
#include "table.h"
#include "victim.h"
#include "violation.h"

#define LIMIT_MS 1

/* The orders to a process that attaches subscribers, and waits for ever in the end. */
enum waiter_op {
	WAITER_ATTACH,	/* attach the driver to a process; the answer is its serial number */
	WAITER_DETACH,	/* detach a subscriber of its own */
};

/* The file of /dev/mnck stays open: its close would wait, too. */
static void waiter_main(size_t len)
{
	struct subscriber own = {}, driver = {};
	struct victim_order order;
	struct mnck_stats stats;
	int fd = mnck_open();

	(void)len;
	victim_answer(fd < 0 || mnck_attach(fd, 0, MNCK_KIND_COUNTER, &own) ? errno : 0);
	while (read(STDIN_FILENO, &order, sizeof(order)) == sizeof(order)) {
		if (order.op == WAITER_DETACH)
			victim_answer(mnck_detach(&own, &stats) ? errno : 0);
		else if (faulty_attach(fd, order.len, MNCK_FAULT_OOPS, MNCK_IN_START, NULL, 0,
				       &driver))
			victim_answer(0);
		else
			victim_answer(stats_now(&driver).serial);
	}
}

FIXTURE(oops)
{
	int kmsg;
	struct settings settings;
	struct victim victim;
	struct victim waiter;
};

FIXTURE_SETUP(oops)
{
	REQUIRE_TABLES();
	/* Neither the oops nor a task that never ends must end the guest. */
	ASSERT_EQ(0, setting_change(&self->settings, "/proc/sys/kernel/panic_on_oops", "0"));
	ASSERT_EQ(0, setting_change(&self->settings, "/proc/sys/kernel/hung_task_panic", "0"));
	ASSERT_EQ(0, mnck_set_parameter("stall_limit_ms", 0));
	ASSERT_EQ(0, victim_start(&self->victim, getpagesize()));
	ASSERT_EQ(0, victim_start_as(&self->waiter, waiter_main, 0));
	self->kmsg = kmsg_open(O_NONBLOCK);
	ASSERT_LE(0, self->kmsg);
}

/* The victim and the waiter stay: nothing can end them. */
FIXTURE_TEARDOWN(oops)
{
	close(self->kmsg);
}

TEST_F_TIMEOUT(oops, start, MNCK_TIMEOUT)
{
	char name[32], task[64], waiting[96], record[4096];
	const char *line;
	long serial = victim_do(&self->waiter, WAITER_ATTACH, NULL, self->victim.pid);

	ASSERT_LT(0, serial);
	snprintf(name, sizeof(name), "faulty %ld", serial);
	snprintf(task, sizeof(task), " %s[%d] ", program_invocation_short_name, self->victim.pid);

	ksft_print_msg("mnck-expect: OOPS NULL pointer dereference\n");
	ASSERT_EQ(0, victim_send(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, getpagesize()));
	WAIT_UNTIL(proc_sleeps_in(self->victim.pid, self->victim.pid, "synchronize_srcu"));
	line = table_row("running", name);
	ASSERT_NE(NULL, line);
	EXPECT_NE(NULL, strstr(line, " start "))
		TH_LOG("%s", line);
	EXPECT_NE(NULL, strstr(line, task))
		TH_LOG("%s: not %s", line, task);

	ASSERT_EQ(0, victim_send(&self->waiter, WAITER_DETACH, NULL, 0));
	WAIT_UNTIL(proc_sleeps_in(self->waiter.pid, self->waiter.pid, "synchronize_srcu"));
	ksft_print_msg("mnck-expect: WARN mnck: stall: %s: start has not returned for %d ms\n",
		       name, LIMIT_MS);
	ASSERT_EQ(0, mnck_set_parameter("stall_limit_ms", LIMIT_MS));
	WAIT_UNTIL(next_line(self->kmsg, record, sizeof(record)));
	snprintf(waiting, sizeof(waiting), ", 1 waiting, first %s[%d] in unregister",
		 program_invocation_short_name, self->waiter.pid);
	EXPECT_NE(NULL, strstr(record, waiting))
		TH_LOG("%s: not %s", record, waiting);
	ASSERT_NE(NULL, table_row("running", name));
}

TEST_HARNESS_MAIN
