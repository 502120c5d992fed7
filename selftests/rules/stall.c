// SPDX-License-Identifier: GPL-2.0
/*
 * Rule stall: a callback that does not return is named while it hangs, once, with the
 * tasks that wait for it; and the table of running callbacks has it all that time.
 *
 * The victim is in munmap(), in a callback that waits for a lock that the test holds.
 * The limit is off until all are where the test wants them, so that no time matters.
 */
#include "interval.h"
#include "kmsg.h"
#include "mnck_harness.h"
#include "module.h"
#include "proc.h"
#include "table.h"
#include "victim.h"
#include "violation.h"

#define LIMIT_MS 1

FIXTURE(stall)
{
	int fd;
	int kmsg;
	size_t page;
	struct victim victim;
	struct subscriber trylock;
};

FIXTURE_SETUP(stall)
{
	self->fd = -1;
	self->page = getpagesize();
	REQUIRE_TABLES();
	ASSERT_EQ(0, mnck_set_parameter("stall_limit_ms", 0));
	ASSERT_EQ(0, victim_start(&self->victim, 4 * self->page));
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	self->kmsg = kmsg_open(O_NONBLOCK);
	ASSERT_LE(0, self->kmsg);
	ASSERT_EQ(0, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_TRYLOCK, &self->trylock));
}

FIXTURE_TEARDOWN(stall)
{
	EXPECT_EQ(0, mnck_set_parameter("stall_limit_ms", 10000));
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	victim_kill(&self->victim);
}

/* Lets the victim unmap its first page, and waits until it sleeps in the trylock's start. */
#define HANG()                                                                          \
	do {                                                                            \
		ASSERT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_HOLD));                \
		ASSERT_EQ(0, victim_send(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, self->page)); \
		/* Its state is D before it has left its CPU, and its stack can be read. */ \
		WAIT_UNTIL(proc_stack_has(self->victim.pid, self->victim.pid,           \
					  "invalidate_range_start"));                   \
	} while (0)

/* Lets the trylock's start go on, and waits until the page is unmapped. */
#define GO_ON()                                                                         \
	do {                                                                            \
		ASSERT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_RELEASE));             \
		ASSERT_EQ(0, victim_wait(&self->victim));                               \
	} while (0)

/* Turns the limit on, announces the stall of @_sub, and waits for it. */
#define EXPECT_STALL(_kind, _sub, _callback)                                            \
	do {                                                                            \
		const char *name_ = subscriber_name(_kind, _sub);                       \
											\
		ksft_print_msg("mnck-expect: WARN mnck: stall: %s: " _callback          \
			       " has not returned for %d ms\n", name_, LIMIT_MS);       \
		ASSERT_EQ(0, mnck_set_parameter("stall_limit_ms", LIMIT_MS));           \
		WAIT_UNTIL(stats_now(_sub).violations[MNCK_RULE_STALL]);                \
	} while (0)

/* The next line of the log is of the stall, and has @_text. */
#define EXPECT_STALL_LINE(_text)                                                        \
	do {                                                                            \
		char record_[4096];                                                     \
											\
		/* A violation is counted before it is logged. */                       \
		WAIT_UNTIL(next_line(self->kmsg, record_, sizeof(record_)));            \
		EXPECT_NE(NULL, strstr(record_, "stall: "))                             \
			TH_LOG("%s", record_);                                          \
		EXPECT_NE(NULL, strstr(record_, _text))                                 \
			TH_LOG("%s: not %s", record_, _text);                           \
	} while (0)

/* A callback that is running, as the table has it. */
struct running {
	char callback[32];
	char event[32];
	char range[64];
	char mode[32];
	unsigned long age_ms;
	char task[64];
	char initiator[64];
};

/* Reads the line of subscriber @name; returns whether it has one. */
static bool running(const char *name, struct running *run)
{
	const char *line = table_row("running", name);

	return line && sscanf(line + strlen(name), "%31s %31s %63s %31s %lu %63s %63s",
			      run->callback, run->event, run->range, run->mode, &run->age_ms,
			      run->task, run->initiator) == 7;
}

/* A start that hangs is named once, with its range and its task, however long it hangs. */
TEST_F_TIMEOUT(stall, start, MNCK_TIMEOUT)
{
	const char *name = subscriber_name("trylock", &self->trylock);
	struct running run;
	char text[128];

	EXPECT_FALSE(running(name, &run));
	HANG();
	ASSERT_TRUE(running(name, &run));
	EXPECT_STREQ("start", run.callback);
	EXPECT_STREQ("UNMAP", run.event);
	EXPECT_STREQ("blockable", run.mode);
	EXPECT_STREQ("unmap_vmas", run.initiator);
	snprintf(text, sizeof(text), "%s[%d]", program_invocation_short_name, self->victim.pid);
	EXPECT_STREQ(text, run.task);

	EXPECT_STALL("trylock", &self->trylock, "start");
	snprintf(text, sizeof(text), ": UNMAP %#lx-%#lx blockable, %s[%d]",
		 (unsigned long)VICTIM_AREA, (unsigned long)VICTIM_AREA + self->page,
		 program_invocation_short_name, self->victim.pid);
	EXPECT_STALL_LINE(text);
	/* mnck looks at all callbacks each second. */
	sleep(3);
	EXPECT_EQ(1, stats_now(&self->trylock).violations[MNCK_RULE_STALL]);
	EXPECT_NO_LINE(self->kmsg);

	GO_ON();
	EXPECT_FALSE(running(name, &run));
}

/*
 * A process that has nothing in common with the victim detaches a subscriber of its own,
 * and has to wait for the victim's callback: both are named.
 */
TEST_F_TIMEOUT(stall, unregister, MNCK_TIMEOUT)
{
	struct subscriber own;
	struct running run;
	struct call detach;
	const char *name;
	char text[128];
	int fd = mnck_open();

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mnck_attach(fd, 0, MNCK_KIND_COUNTER, &own));
	name = subscriber_name("counter", &own);
	HANG();
	ASSERT_EQ(0, call_begin(&detach, call_detach, &own));
	WAIT_UNTIL(detach.tid && proc_sleeps_in(getpid(), detach.tid, "synchronize_srcu"));
	ASSERT_TRUE(running(name, &run));
	EXPECT_STREQ("unregister", run.callback);
	snprintf(text, sizeof(text), "%s[%d]", program_invocation_short_name, detach.tid);
	EXPECT_STREQ(text, run.task);

	EXPECT_STALL("trylock", &self->trylock, "start");
	snprintf(text, sizeof(text), ", 1 waiting, first %s[%d] in unregister",
		 program_invocation_short_name, detach.tid);
	EXPECT_STALL_LINE(text);

	GO_ON();
	ASSERT_EQ(0, call_end(&detach));
	EXPECT_EQ(NULL, table_row("running", name));
	close(fd);
}

/* The removal of an interval waits for the open ranges of its own mm. */
TEST_F_TIMEOUT(stall, remove, MNCK_TIMEOUT)
{
	struct subscriber interval, elsewhere;
	struct mnck_stats stats;
	struct call detach;
	char text[128];

	ASSERT_EQ(0, interval_attach(self->fd, self->victim.pid, MNCK_KIND_TWO_PASS, 0,
				     VICTIM_AREA, self->page, &interval));
	ASSERT_EQ(0, interval_attach(self->fd, 0, MNCK_KIND_TWO_PASS, 0, VICTIM_AREA, self->page,
				     &elsewhere));
	HANG();
	ASSERT_EQ(0, call_begin(&detach, call_detach, &interval));
	WAIT_UNTIL(detach.tid &&
		   proc_sleeps_in(getpid(), detach.tid, "mmu_interval_notifier_remove"));
	/* No range of this process is open. */
	ASSERT_EQ(0, mnck_detach(&elsewhere, &stats));

	EXPECT_STALL("trylock", &self->trylock, "start");
	snprintf(text, sizeof(text), ", 1 waiting, first %s[%d] in remove",
		 program_invocation_short_name, detach.tid);
	EXPECT_STALL_LINE(text);

	GO_ON();
	ASSERT_EQ(0, call_end(&detach));
}

/* A limit of 0 is none. */
TEST_F_TIMEOUT(stall, no_limit, MNCK_TIMEOUT)
{
	struct running run;

	HANG();
	sleep(3);
	ASSERT_TRUE(running(subscriber_name("trylock", &self->trylock), &run));
	EXPECT_LE(2000, run.age_ms);
	EXPECT_EQ(0, stats_now(&self->trylock).violations[MNCK_RULE_STALL]);
	GO_ON();
	EXPECT_NO_LINE(self->kmsg);
}

TEST_HARNESS_MAIN
