// SPDX-License-Identifier: GPL-2.0
/*
 * mnck begins and ends to watch all drivers while they are called, and while one hangs.
 */
#include <sys/wait.h>

#include "file.h"
#include "kmsg.h"
#include "mnck_harness.h"
#include "observed.h"
#include "probe.h"
#include "proc.h"
#include "tracefs.h"
#include "victim.h"
#include "violation.h"
#include "workers.h"

#define ROUNDS 20
#define THREADS 4

#define CLEAN OF_MISTAKES("clean_start")
#define HANGING OF_MISTAKES("hanging_start")
#define LIMIT_MS 1

static bool set_watch(bool on)
{
	return !mnck_set_parameter("watch", on);
}

FIXTURE(switched)
{
	int kmsg;
	struct workers workers;
};

/* Has the process of the workers the driver "clean"; or maps and unmaps a page of its thread. */
static int unmap_again(int number, __u32 order)
{
	char *page = VICTIM_AREA + number * 0x10000UL;

	if (!order)
		return number ? 0 : mistakes_subscribe("clean") < 0;
	for (__u32 i = 0; i < order; i++)
		if (map_pages(page, getpagesize()) || munmap(page, getpagesize()))
			return -1;
	return 0;
}

FIXTURE_SETUP(switched)
{
	REQUIRE_TABLES();
	REQUIRE_OPTION(has_fprobe(), "FPROBE");
	INSERT_MISTAKES();
	ASSERT_EQ(0, file_write(TABLES "violations", "clear"));
	self->kmsg = kmsg_open(O_NONBLOCK);
	ASSERT_LE(0, self->kmsg);
	ASSERT_EQ(0, workers_start(&self->workers, THREADS, unmap_again));
}

FIXTURE_TEARDOWN(switched)
{
	workers_kill(&self->workers);
	EXPECT_TRUE(set_watch(false));
	EXPECT_EQ(0, module_remove(MISTAKES_MODULE));
	close(self->kmsg);
}

#define EXPECT_BALANCED()                                                               \
	do {                                                                            \
		struct mistakes_calls calls_ = {};                                      \
											\
		ASSERT_TRUE(mistakes_calls("clean", &calls_));                          \
		EXPECT_LT(0, calls_.begun);                                             \
		EXPECT_EQ(calls_.begun, calls_.ended);                                  \
		EXPECT_NO_LINE(self->kmsg);                                             \
		EXPECT_FALSE(is_accused("[" MISTAKES_MODULE "]"));                      \
		EXPECT_FALSE(is_accused(" core:"));                                     \
	} while (0)

/* The probes count what the driver does, while the threads unmap. */
#define EXPECT_ALL_SEEN()                                                               \
	do {                                                                            \
		struct mistakes_calls before_ = {}, after_ = {};                        \
		long calls_ = probed_calls(CLEAN);                                      \
		const __u32 orders_[THREADS] = { 5, 5, 5, 5 };                          \
											\
		ASSERT_TRUE(mistakes_calls("clean", &before_));                         \
		ASSERT_EQ(0, workers_send(&self->workers, orders_, THREADS));           \
		ASSERT_EQ(0, workers_wait(&self->workers, THREADS));                    \
		ASSERT_TRUE(mistakes_calls("clean", &after_));                          \
		EXPECT_LE(5 * THREADS, after_.begun - before_.begun);                   \
		EXPECT_EQ(after_.begun - before_.begun, probed_calls(CLEAN) - calls_);  \
	} while (0)

/* The switch changes while threads unmap: no driver is accused, and calls go on. */
TEST_F_TIMEOUT(switched, while_called, 2 * MNCK_TIMEOUT)
{
	__u32 orders[THREADS];

	for (int i = 0; i < THREADS; i++)
		orders[i] = 5;
	for (int round = 0; round < ROUNDS; round++) {
		ASSERT_EQ(0, workers_send(&self->workers, orders, THREADS));
		ASSERT_TRUE(set_watch(true));
		ASSERT_EQ(0, workers_wait(&self->workers, THREADS));
		ASSERT_EQ(0, workers_send(&self->workers, orders, THREADS));
		ASSERT_TRUE(set_watch(false));
		ASSERT_EQ(0, workers_wait(&self->workers, THREADS));
	}
	EXPECT_BALANCED();

	ASSERT_TRUE(set_watch(true));
	WAIT_UNTIL_PROBED(CLEAN);
	EXPECT_ALL_SEEN();
	EXPECT_BALANCED();
}

#define GRAPH "function_graph"

/*
 * Has tracers trace the functions of the drivers, and those that were chosen before.  The kernel
 * compares the names of all its functions, which takes much longer than to set a tracer.
 */
static bool choose_functions(void)
{
	return !file_write(TRACEFS "/set_ftrace_filter", ":mod:" MISTAKES_MODULE);
}

/* Traces the functions that were chosen, or no function. */
static bool set_tracer(const char *tracer)
{
	return !file_write(TRACEFS "/current_tracer", tracer);
}

/* Other tracers have the same functions: each sees all calls. */
TEST_F_TIMEOUT(switched, beside_tracers, 2 * MNCK_TIMEOUT)
{
	long calls;

	REQUIRE_OPTION(has_event_tracing(), "EVENT_TRACING");
	REQUIRE_OPTION(!access(TRACEFS "/kprobe_events", F_OK), "KPROBE_EVENTS");
	REQUIRE_OPTION(!access(TRACEFS "/set_graph_function", F_OK), "FUNCTION_GRAPH_TRACER");
	ASSERT_EQ(0, probes_remove());
	ASSERT_TRUE(choose_functions());
	ASSERT_TRUE(set_tracer(GRAPH));
	ASSERT_TRUE(set_watch(true));
	WAIT_UNTIL_PROBED(CLEAN);
	EXPECT_ALL_SEEN();
	ASSERT_EQ(0, probe_add("clean", "clean_start"));
	calls = probed_calls(CLEAN);
	EXPECT_ALL_SEEN();
	EXPECT_EQ(probed_calls(CLEAN) - calls, probe_calls("clean"));

	ASSERT_TRUE(set_tracer("nop"));
	EXPECT_ALL_SEEN();
	ASSERT_TRUE(set_tracer(GRAPH));
	EXPECT_ALL_SEEN();
	ASSERT_TRUE(set_watch(false));
	ASSERT_TRUE(set_watch(true));
	WAIT_UNTIL_PROBED(CLEAN);
	EXPECT_ALL_SEEN();

	EXPECT_EQ(0, probes_remove());
	EXPECT_TRUE(set_tracer("nop"));
	EXPECT_EQ(0, file_write(TRACEFS "/set_ftrace_filter", "!:mod:" MISTAKES_MODULE));
	EXPECT_BALANCED();
}

/* mnck is removed while it watches, and then watches again from its start. */
TEST_F_TIMEOUT(switched, while_inserted, 2 * MNCK_TIMEOUT)
{
	__u32 orders[THREADS] = { 20, 20, 20, 20 };
	struct mistakes_calls before = {}, after = {};

	REQUIRE_MNCK_KO();
	ASSERT_TRUE(set_watch(true));
	WAIT_UNTIL_PROBED(CLEAN);
	ASSERT_EQ(0, workers_send(&self->workers, orders, THREADS));
	ASSERT_EQ(0, mnck_remove());
	ASSERT_EQ(0, workers_wait(&self->workers, THREADS));
	ASSERT_EQ(0, workers_send(&self->workers, orders, THREADS));
	ASSERT_EQ(0, mnck_insert("watch=1"));
	ASSERT_EQ(0, workers_wait(&self->workers, THREADS));

	WAIT_UNTIL_PROBED(CLEAN);
	ASSERT_TRUE(mistakes_calls("clean", &before));
	before.begun -= probed_calls(CLEAN);
	ASSERT_EQ(0, workers_send(&self->workers, orders, THREADS));
	ASSERT_EQ(0, workers_wait(&self->workers, THREADS));
	ASSERT_TRUE(mistakes_calls("clean", &after));
	EXPECT_EQ(after.begun - before.begun, probed_calls(CLEAN));
	EXPECT_EQ(after.begun, after.ended);
	EXPECT_FALSE(is_accused("[" MISTAKES_MODULE "]"));
	EXPECT_FALSE(is_accused(" core:"));
}

/* The function graph tracer gives its users one of so many indices, in turn. */
#define GRAPH_INDICES 16

/*
 * mnck and another user of the function graph tracer are there with each index.  Beside a user
 * that has seen other functions being called, fprobe must not have the first one.
 */
TEST_F_TIMEOUT(switched, each_index, 2 * MNCK_TIMEOUT)
{
	const __u32 orders[THREADS] = { 1, 1, 1, 1 };

	REQUIRE_MNCK_KO();
	REQUIRE_OPTION(has_event_tracing(), "EVENT_TRACING");
	REQUIRE_OPTION(!access(TRACEFS "/set_graph_function", F_OK), "FUNCTION_GRAPH_TRACER");
	/* mnck does not probe this function. */
	ASSERT_EQ(0, file_write(TRACEFS "/set_ftrace_filter",
				"__mmu_notifier_arch_invalidate_secondary_tlbs"));
	ASSERT_TRUE(choose_functions());
	for (int i = 0; i < GRAPH_INDICES; i++) {
		WAIT_UNTIL(!mnck_remove() || errno != EAGAIN);
		ASSERT_EQ(0, mnck_insert("watch=1"));
		/* With mnck this takes three indices, so that each is mnck's once. */
		for (int times = 0; times < 2; times++) {
			ASSERT_TRUE(set_tracer(GRAPH));
			ASSERT_EQ(0, workers_send(&self->workers, orders, THREADS));
			ASSERT_EQ(0, workers_wait(&self->workers, THREADS));
			ASSERT_TRUE(set_tracer("nop"));
		}
	}
	EXPECT_EQ(0, file_write(TRACEFS "/set_ftrace_filter",
				"!__mmu_notifier_arch_invalidate_secondary_tlbs"));
	EXPECT_EQ(0, file_write(TRACEFS "/set_ftrace_filter", "!:mod:" MISTAKES_MODULE));
	EXPECT_BALANCED();
}

/* A start that hangs. */
FIXTURE(hung)
{
	int kmsg;
	struct victim victim;
};

FIXTURE_SETUP(hung)
{
	WATCH_MISTAKES();
	ASSERT_EQ(0, mnck_set_parameter("stall_limit_ms", 0));
	self->kmsg = kmsg_open(O_NONBLOCK);
	ASSERT_LE(0, self->kmsg);
	ASSERT_EQ(0, victim_start(&self->victim, MISTAKES_PAGES * getpagesize()));
	ASSERT_EQ(0, victim_driver(&self->victim, "hanging"));
	WAIT_UNTIL_PROBED(HANGING);
}

FIXTURE_TEARDOWN(hung)
{
	EXPECT_EQ(0, mnck_set_parameter("stall_limit_ms", 10000));
	victim_kill(&self->victim);
	UNWATCH_MISTAKES();
	close(self->kmsg);
}

#define HANG()                                                                          \
	do {                                                                            \
		ASSERT_EQ(0, victim_send(&self->victim, VICTIM_MUNMAP, VICTIM_AREA,     \
					 getpagesize()));                               \
		WAIT_UNTIL(proc_sleeps_in(self->victim.pid, self->victim.pid,           \
					  "hanging_start"));                            \
	} while (0)

#define GO_ON()                                                                         \
	do {                                                                            \
		ASSERT_EQ(0, mistakes_let_go());                                        \
		ASSERT_EQ(0, victim_wait(&self->victim));                               \
	} while (0)

/* It is listed while it hangs, and named once. */
TEST_F_TIMEOUT(hung, stall, MNCK_TIMEOUT)
{
	char record[4096], task[64];
	const char *line;

	EXPECT_EQ(NULL, table_row("running", HANGING));
	HANG();
	line = table_row("running", HANGING);
	ASSERT_NE(NULL, line);
	snprintf(task, sizeof(task), " %s[%d]", program_invocation_short_name, self->victim.pid);
	EXPECT_NE(NULL, strstr(line, task)) TH_LOG("%s: not %s", line, task);
	EXPECT_NE(NULL, strstr(line, "UNMAP")) TH_LOG("%s", line);

	announce_broken("stall", HANGING);
	ASSERT_EQ(0, mnck_set_parameter("stall_limit_ms", LIMIT_MS));
	WAIT_UNTIL(broken("stall", HANGING));
	WAIT_UNTIL(next_line(self->kmsg, record, sizeof(record)));
	EXPECT_NE(NULL, strstr(record, "stall: " HANGING ": start has not returned "))
		TH_LOG("%s", record);
	EXPECT_NE(NULL, strstr(record, task)) TH_LOG("%s", record);
	/* mnck looks at all callbacks each second. */
	sleep(3);
	EXPECT_EQ(1, broken("stall", HANGING));
	EXPECT_NO_LINE(self->kmsg);
	GO_ON();
	EXPECT_EQ(NULL, table_row("running", HANGING));
	EXPECT_EQ(1, probed_calls(HANGING));
}

/* An unrelated process that unregisters its own driver has to wait: both are named. */
TEST_F_TIMEOUT(hung, unregister, MNCK_TIMEOUT)
{
	char record[4096], waiter[96];
	struct victim other;

	ASSERT_EQ(0, victim_start(&other, MISTAKES_PAGES * getpagesize()));
	ASSERT_EQ(0, victim_driver(&other, "clean"));
	HANG();
	ASSERT_EQ(0, victim_driver_send(&other, "-clean"));
	WAIT_UNTIL(proc_sleeps_in(other.pid, other.pid, "synchronize_srcu"));

	announce_broken("stall", HANGING);
	ASSERT_EQ(0, mnck_set_parameter("stall_limit_ms", LIMIT_MS));
	WAIT_UNTIL(broken("stall", HANGING));
	WAIT_UNTIL(next_line(self->kmsg, record, sizeof(record)));
	snprintf(waiter, sizeof(waiter), ", 1 waiting, first %s[%d] in unregister",
		 program_invocation_short_name, other.pid);
	EXPECT_NE(NULL, strstr(record, waiter)) TH_LOG("%s: not %s", record, waiter);
	GO_ON();
	EXPECT_EQ(0, victim_wait(&other));
	victim_kill(&other);
}

/* The switch does not wait for a callback that hangs, and mnck does not miss it later. */
TEST_F_TIMEOUT(hung, switched, MNCK_TIMEOUT)
{
	char task[64];

	HANG();
	snprintf(task, sizeof(task), " %s[%d]", program_invocation_short_name, self->victim.pid);
	EXPECT_TRUE(table_has("running", task));
	ASSERT_TRUE(set_watch(false));
	/* mnck would not see that the callback returns. */
	EXPECT_FALSE(table_has("running", task));
	EXPECT_FALSE(table_has("open", task));
	ASSERT_TRUE(set_watch(true));
	WAIT_UNTIL_PROBED(HANGING);
	GO_ON();
	/* Its return is not seen as that of a call that was. */
	EXPECT_EQ(0, probed_calls(HANGING));
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA + getpagesize(),
			       getpagesize()));
	EXPECT_EQ(1, probed_calls(HANGING));
	EXPECT_NO_LINE(self->kmsg);
	EXPECT_FALSE(is_accused("[" MISTAKES_MODULE "]"));
}

/* mnck is removed while it watches a callback that hangs, and is not there when it returns. */
TEST_F_TIMEOUT(hung, removed, MNCK_TIMEOUT)
{
	REQUIRE_MNCK_KO();
	HANG();
	ASSERT_EQ(0, mnck_remove());
	GO_ON();
	ASSERT_EQ(0, mnck_insert("watch=1"));
	WAIT_UNTIL_PROBED(HANGING);
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA + getpagesize(),
			       getpagesize()));
	EXPECT_EQ(1, probed_calls(HANGING));
	EXPECT_FALSE(is_accused("[" MISTAKES_MODULE "]"));
}

TEST_HARNESS_MAIN
