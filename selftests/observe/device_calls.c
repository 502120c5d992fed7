// SPDX-License-Identifier: GPL-2.0
/*
 * Mistakes that a driver makes not in a callback, but when its device is used.  mnck names the
 * driver by a callback.
 */
#include "file.h"
#include "kmsg.h"
#include "mnck_harness.h"
#include "observed.h"
#include "proc.h"
#include "victim.h"
#include "violation.h"

#define LIMIT_MS 1

/*
 * A driver that uses the memory of a subscription for another process, when the process of the
 * subscription has exited.
 */
FIXTURE(moved)
{
	int kmsg;
	int device;
	struct victim victim;
	struct victim other;
};

FIXTURE_SETUP(moved)
{
	WATCH_MISTAKES();
	self->device = -1;
	self->kmsg = kmsg_open(O_NONBLOCK);
	ASSERT_LE(0, self->kmsg);
	ASSERT_EQ(0, victim_start(&self->victim, MISTAKES_PAGES * getpagesize()));
	ASSERT_EQ(0, victim_start(&self->other, MISTAKES_PAGES * getpagesize()));
}

FIXTURE_TEARDOWN(moved)
{
	if (self->device >= 0)
		close(self->device);
	victim_kill(&self->victim);
	victim_kill(&self->other);
	UNWATCH_MISTAKES();
	close(self->kmsg);
}

/* Moves the driver's subscription when that is unlinked.  Returns whether that was tried. */
static bool tried_to_move(int device, const char *driver, pid_t pid, int *error)
{
	char line[64];

	snprintf(line, sizeof(line), "move %s of %d", driver, pid);
	*error = write(device, line, strlen(line)) < 0 ? errno : 0;
	return *error != EBUSY;
}

#define MOVE(_driver, _function)                                                        \
	do {                                                                            \
		struct victim *other_ = &self->other;                                   \
		char line_[64];                                                         \
		int error_;                                                             \
											\
		snprintf(line_, sizeof(line_), _driver " of %d", self->victim.pid);     \
		self->device = mistakes_subscribe(line_);                               \
		ASSERT_LE(0, self->device);                                             \
		WAIT_UNTIL_PROBED(_function);                                           \
		/* Not while its process lives. */                                      \
		EXPECT_FALSE(tried_to_move(self->device, _driver, other_->pid, &error_)); \
		victim_kill(&self->victim);                                             \
		WAIT_UNTIL(tried_to_move(self->device, _driver, other_->pid, &error_)); \
		ASSERT_EQ(0, error_);                                                   \
		ASSERT_EQ(0, victim_do(other_, VICTIM_MUNMAP, VICTIM_AREA, getpagesize())); \
		EXPECT_EQ(1, probed_calls(_function));                                  \
	} while (0)

/* The driver has not ended the subscription before. */
TEST_F_TIMEOUT(moved, not_ended, MNCK_TIMEOUT)
{
	const char *function = OF_MISTAKES("registered_again_start");
	char record[4096];

	announce_broken("lifetime", function);
	MOVE("registered_again", OF_MISTAKES("registered_again_start"));
	WAIT_UNTIL(broken("lifetime", function));
	WAIT_UNTIL(next_line(self->kmsg, record, sizeof(record)));
	EXPECT_NE(NULL, strstr(record, "lifetime: registered_again_start [" MISTAKES_MODULE
				       "]: registered again, but was not unregistered, in "))
		TH_LOG("%s", record);
	ASSERT_EQ(0, mnck_set_parameter("watch", 0));
	EXPECT_EQ(1, broken("lifetime", function));
	EXPECT_NO_LINE(self->kmsg);
}

/* The driver has ended it. */
TEST_F_TIMEOUT(moved, ended, MNCK_TIMEOUT)
{
	MOVE("moved", OF_MISTAKES("moved_start"));
	ASSERT_EQ(0, mnck_set_parameter("watch", 0));
	EXPECT_NO_LINE(self->kmsg);
	EXPECT_FALSE(is_accused("[" MISTAKES_MODULE "]"));
}

/* Two processes, with drivers whose start takes a mutex of their device. */
FIXTURE(mutex)
{
	int kmsg;
	int device;
	struct victim victim;
	struct victim other;
};

FIXTURE_SETUP(mutex)
{
	WATCH_MISTAKES();
	self->device = -1;
	self->kmsg = kmsg_open(O_NONBLOCK);
	ASSERT_LE(0, self->kmsg);
	ASSERT_EQ(0, victim_start(&self->victim, MISTAKES_PAGES * getpagesize()));
	ASSERT_EQ(0, victim_start(&self->other, MISTAKES_PAGES * getpagesize()));
	ASSERT_EQ(0, victim_driver(&self->other, "clean"));
}

FIXTURE_TEARDOWN(mutex)
{
	if (self->device >= 0)
		close(self->device);
	victim_kill(&self->victim);
	victim_kill(&self->other);
	EXPECT_EQ(0, mnck_set_parameter("stall_limit_ms", 10000));
	UNWATCH_MISTAKES();
	close(self->kmsg);
}

/*
 * A call of the device returns and keeps the mutex.  The start that waits for it is named while
 * it hangs, and so is another process, whose driver has to wait for that start.
 */
TEST_F_TIMEOUT(mutex, kept, MNCK_TIMEOUT)
{
	const char *function = OF_MISTAKES("keeps_mutex_start");
	struct victim *v = &self->victim, *other = &self->other;
	char record[4096], task[64], waiter[96];
	const char *line;

	ASSERT_EQ(0, mnck_set_parameter("stall_limit_ms", 0));
	ASSERT_EQ(0, victim_driver(v, "keeps_mutex"));
	WAIT_UNTIL_PROBED(function);
	self->device = mistakes_subscribe("keep");
	ASSERT_LE(0, self->device);
	ASSERT_EQ(0, victim_send(v, VICTIM_MUNMAP, VICTIM_AREA, getpagesize()));
	WAIT_UNTIL(proc_stack_has(v->pid, v->pid, "keeps_mutex_start"));
	ASSERT_EQ(0, victim_driver_send(other, "-clean"));
	WAIT_UNTIL(proc_sleeps_in(other->pid, other->pid, "synchronize_srcu"));

	snprintf(task, sizeof(task), " %s[%d]", program_invocation_short_name, v->pid);
	line = table_row("running", function);
	ASSERT_NE(NULL, line);
	EXPECT_NE(NULL, strstr(line, task)) TH_LOG("%s: not %s", line, task);

	announce_broken("stall", function);
	ASSERT_EQ(0, mnck_set_parameter("stall_limit_ms", LIMIT_MS));
	WAIT_UNTIL(next_line(self->kmsg, record, sizeof(record)));
	EXPECT_NE(NULL, strstr(record, "stall: keeps_mutex_start [" MISTAKES_MODULE
				       "]: start has not returned ")) TH_LOG("%s", record);
	EXPECT_NE(NULL, strstr(record, ": UNMAP ")) TH_LOG("%s", record);
	EXPECT_NE(NULL, strstr(record, task)) TH_LOG("%s: not %s", record, task);
	snprintf(waiter, sizeof(waiter), ", 1 waiting, first %s[%d] in unregister",
		 program_invocation_short_name, other->pid);
	EXPECT_NE(NULL, strstr(record, waiter)) TH_LOG("%s: not %s", record, waiter);

	EXPECT_EQ(6, write(self->device, "unlock", 6));
	EXPECT_EQ(0, victim_wait(v));
	EXPECT_EQ(0, victim_wait(other));
	EXPECT_EQ(1, broken("stall", function));
	EXPECT_EQ(1, probed_calls(function));
	EXPECT_EQ(NULL, table_row("running", function));
	EXPECT_NO_LINE(self->kmsg);
}

/* A call of the device that unlocks the mutex does no harm. */
TEST_F_TIMEOUT(mutex, unlocked, MNCK_TIMEOUT)
{
	const char *function = OF_MISTAKES("unlocks_mutex_start");

	ASSERT_EQ(0, victim_driver(&self->victim, "unlocks_mutex"));
	WAIT_UNTIL_PROBED(function);
	self->device = mistakes_subscribe("use");
	ASSERT_LE(0, self->device);
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, getpagesize()));
	EXPECT_EQ(1, probed_calls(function));
	EXPECT_EQ(NULL, table_row("running", function));
	ASSERT_EQ(0, mnck_set_parameter("watch", 0));
	EXPECT_NO_LINE(self->kmsg);
	EXPECT_FALSE(is_accused("[" MISTAKES_MODULE "]"));
}

FIXTURE(interval)
{
	int kmsg;
	struct victim victim;
};

FIXTURE_SETUP(interval)
{
	WATCH_MISTAKES();
	self->kmsg = kmsg_open(O_NONBLOCK);
	ASSERT_LE(0, self->kmsg);
	ASSERT_EQ(0, victim_start(&self->victim, MISTAKES_PAGES * getpagesize()));
}

FIXTURE_TEARDOWN(interval)
{
	victim_kill(&self->victim);
	UNWATCH_MISTAKES();
	close(self->kmsg);
}

/* It is not inserted.  The driver removes it all the same, and is named. */
TEST_F_TIMEOUT(interval, uninserted, MNCK_TIMEOUT)
{
	const char *function = OF_MISTAKES("uninserted_invalidate");
	struct victim *v = &self->victim;
	char record[4096], by[96];

	ASSERT_EQ(0, victim_driver(v, "uninserted" TOO_LONG));
	WAIT_UNTIL_PROBED(function);
	announce_broken("lifetime", function);
	announce_core_warns();
	ASSERT_EQ(0, victim_driver(v, "-uninserted"));
	WAIT_UNTIL(broken("lifetime", function));
	WAIT_UNTIL(next_line(self->kmsg, record, sizeof(record)));
	EXPECT_NE(NULL, strstr(record, "lifetime: uninserted_invalidate [" MISTAKES_MODULE
				       "]: removed an interval that was not inserted, in "))
		TH_LOG("%s", record);
	/* The function of the driver, which the compiler may have made a part of another. */
	snprintf(by, sizeof(by), " [" MISTAKES_MODULE "], %s[%d]",
		 program_invocation_short_name, v->pid);
	EXPECT_NE(NULL, strstr(record, by)) TH_LOG("%s: not %s", record, by);

	/* Intervals that are inserted may have the same memory. */
	for (int i = 0; i < 4; i++) {
		ASSERT_EQ(0, victim_driver(v, "uninserted" IN_AREA));
		ASSERT_EQ(0, victim_do(v, VICTIM_DONTNEED, VICTIM_AREA, getpagesize()));
		ASSERT_EQ(0, victim_driver(v, "-uninserted"));
	}
	EXPECT_EQ(4, probed_calls(function));
	ASSERT_EQ(0, mnck_set_parameter("watch", 0));
	EXPECT_EQ(1, broken("lifetime", function));
	EXPECT_NO_LINE(self->kmsg);
}

/* A driver that looks at the error does not remove it, and is not accused. */
TEST_F_TIMEOUT(interval, inserted, MNCK_TIMEOUT)
{
	const char *function = OF_MISTAKES("inserted_invalidate");
	struct victim *v = &self->victim;

	EXPECT_EQ(EOVERFLOW, victim_driver(v, "inserted" TOO_LONG));
	EXPECT_EQ(ENOENT, victim_driver(v, "-inserted"));
	for (int i = 0; i < 4; i++) {
		ASSERT_EQ(0, victim_driver(v, "inserted" IN_AREA));
		WAIT_UNTIL_PROBED(function);
		ASSERT_EQ(0, victim_do(v, VICTIM_DONTNEED, VICTIM_AREA, getpagesize()));
		ASSERT_EQ(0, victim_driver(v, "-inserted"));
	}
	ASSERT_EQ(0, mnck_set_parameter("watch", 0));
	EXPECT_NO_LINE(self->kmsg);
	EXPECT_FALSE(is_accused("[" MISTAKES_MODULE "]"));
}

TEST_HARNESS_MAIN
