// SPDX-License-Identifier: GPL-2.0
/*
 * A user names functions that are thought to be callbacks: mnck observes them from their first
 * call as a callback on, and never as anything else.
 */
#include "file.h"
#include "mnck_harness.h"
#include "observed.h"
#include "privilege.h"
#include "reap_victim.h"
#include "records.h"
#include "victim.h"
#include "violation.h"

#define IN_MODULE(_function) MISTAKES_MODULE ":" _function

FIXTURE(prearmed)
{
	int watch;
	struct victim victim;
	struct reapable reap;
};

FIXTURE_SETUP(prearmed)
{
	self->watch = -1;
	REQUIRE_TABLES();
	REQUIRE_OPTION(has_fprobe(), "FPROBE");
	INSERT_MISTAKES();
	ASSERT_EQ(0, file_write(TABLES "violations", "clear"));
	ASSERT_EQ(0, victim_start(&self->victim, MISTAKES_PAGES * getpagesize()));
	ASSERT_EQ(0, victim_trace_exit(&self->victim));
	self->watch = watch_process(self->victim.pid);
	ASSERT_LE(0, self->watch);
}

FIXTURE_TEARDOWN(prearmed)
{
	if (self->watch >= 0)
		EXPECT_EQ(0, close(self->watch));
	victim_kill(&self->victim);
	EXPECT_EQ(0, module_remove(MISTAKES_MODULE));
}

static int prearm(int watch, __u32 callback, const char *function)
{
	struct mnck_prearm how = { .size = sizeof(how), .callback = callback };

	/* Without a NUL if there is no room for it. */
	memcpy(how.function, function, strnlen(function, sizeof(how.function)));
	return ioctl(watch, MNCK_PREARM, &how);
}

#define UNMAP() \
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, getpagesize()))

/* The function is probed, and was called so often. */
#define EXPECT_PROBED(_function, _callback, _calls)                                     \
	do {                                                                            \
		struct probed row_;                                                     \
											\
		ASSERT_TRUE(probed(OF_MISTAKES(_function), &row_));                     \
		EXPECT_STREQ("fprobe", row_.state);                                     \
		EXPECT_STREQ(_callback, row_.callback);                                 \
		EXPECT_EQ(_calls, row_.calls);                                          \
	} while (0)

/* The first call of a driver is checked. */
TEST_F_TIMEOUT(prearmed, first_call, MNCK_TIMEOUT)
{
	struct mnck_record_callback c;
	struct mnck_record_unseen unseen;

	announce_core_warns();
	announce_broken("failure", OF_MISTAKES("refuses_blockable_start"));
	ASSERT_EQ(0, prearm(self->watch, MNCK_PREARM_START,
			    IN_MODULE("refuses_blockable_start")));
	EXPECT_PROBED("refuses_blockable_start", "start", 0);
	/* Once more does no harm. */
	ASSERT_EQ(0, prearm(self->watch, MNCK_PREARM_START,
			    IN_MODULE("refuses_blockable_start")));

	ASSERT_EQ(0, victim_driver(&self->victim, "refuses_blockable"));
	UNMAP();
	EXPECT_PROBED("refuses_blockable_start", "start", 1);
	ASSERT_EQ(0, summary_read(self->watch, OF_MISTAKES("refuses_blockable_start"), &c,
				  &unseen));
	EXPECT_EQ(1, c.calls);
	EXPECT_EQ(1, c.refusals);
	EXPECT_TRUE(saw_all(&unseen));
	WAIT_UNTIL(broken("failure", OF_MISTAKES("refuses_blockable_start")) == 1);
}

/* So are both passes of an interval's first call. */
TEST_F_TIMEOUT(prearmed, two_passes, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, prearm(self->watch, MNCK_PREARM_INVALIDATE_START, IN_MODULE("clean_pass")));
	ASSERT_EQ(0, prearm(self->watch, MNCK_PREARM_INVALIDATE_FINISH,
			    IN_MODULE("clean_finish")));
	ASSERT_EQ(0, victim_driver(&self->victim, "clean_two_pass" IN_AREA));
	UNMAP();
	EXPECT_PROBED("clean_pass", "invalidate", 1);
	EXPECT_PROBED("clean_finish", "finish", 1);
	EXPECT_FALSE(is_accused("[" MISTAKES_MODULE "]"));
}

/* Functions that are no callbacks are called as before, and not taken for callbacks. */
TEST_F_TIMEOUT(prearmed, no_callback, MNCK_TIMEOUT)
{
	static const char * const functions[] = { "vfs_read", "vfs_write", "unmap_vmas" };
	struct probed row;

	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		for (__u32 callback = 0; callback <= MNCK_PREARM_INVALIDATE_FINISH; callback++)
			ASSERT_EQ(0, prearm(self->watch, callback, functions[i]));
		EXPECT_TRUE(probed(functions[i], &row));
	}
	ASSERT_EQ(0, victim_driver(&self->victim, "clean"));
	UNMAP();
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		ASSERT_TRUE(probed(functions[i], &row));
		EXPECT_EQ(0, row.calls);
		EXPECT_FALSE(is_accused(functions[i]));
	}
}

/* A function that a callback calls with its own arguments is no callback. */
TEST_F_TIMEOUT(prearmed, nested, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, prearm(self->watch, MNCK_PREARM_START, IN_MODULE("nested_start")));
	ASSERT_EQ(0, victim_driver(&self->victim, "nesting"));
	WAIT_UNTIL_PROBED(OF_MISTAKES("nesting_start"));
	UNMAP();
	EXPECT_PROBED("nesting_start", "start", 1);
	EXPECT_PROBED("nested_start", "start", 0);
}

/* A callback that is taken for another is not observed, until it is known which it is. */
TEST_F_TIMEOUT(prearmed, another, MNCK_TIMEOUT)
{
	struct probed row;

	ASSERT_EQ(0, prearm(self->watch, MNCK_PREARM_START, IN_MODULE("clean_end")));
	EXPECT_PROBED("clean_end", "start", 0);
	ASSERT_EQ(0, victim_driver(&self->victim, "clean"));
	WAIT_UNTIL(probed(OF_MISTAKES("clean_start"), &row));
	EXPECT_PROBED("clean_end", "end", 0);
	UNMAP();
	EXPECT_PROBED("clean_end", "end", 1);
	EXPECT_PROBED("clean_start", "start", 1);
}

/* A module that comes again has other functions. */
TEST_F_TIMEOUT(prearmed, reloaded, MNCK_TIMEOUT)
{
	struct probed row;

	ASSERT_EQ(0, prearm(self->watch, MNCK_PREARM_START, IN_MODULE("clean_start")));
	EXPECT_PROBED("clean_start", "start", 0);
	ASSERT_EQ(0, module_remove(MISTAKES_MODULE));
	EXPECT_FALSE(probed(OF_MISTAKES("clean_start"), &row));
	EXPECT_ERRNO(ENOENT, prearm(self->watch, MNCK_PREARM_START, IN_MODULE("clean_start")));
	INSERT_MISTAKES();
	EXPECT_FALSE(probed(OF_MISTAKES("clean_start"), &row));
	ASSERT_EQ(0, prearm(self->watch, MNCK_PREARM_START, IN_MODULE("clean_start")));
	ASSERT_EQ(0, victim_driver(&self->victim, "clean"));
	UNMAP();
	EXPECT_PROBED("clean_start", "start", 1);
}

TEST_F_TIMEOUT(prearmed, refused, MNCK_TIMEOUT)
{
	char unending[MNCK_TEXT_LEN + 1];
	int watch;

	memset(unending, 'x', MNCK_TEXT_LEN);
	unending[MNCK_TEXT_LEN] = '\0';
	EXPECT_ERRNO(EINVAL, prearm(self->watch, MNCK_PREARM_INVALIDATE_FINISH + 1,
				    IN_MODULE("clean_start")));
	EXPECT_ERRNO(EINVAL, prearm(self->watch, MNCK_PREARM_START, unending));
	EXPECT_ERRNO(EINVAL, prearm(self->watch, MNCK_PREARM_START, ""));
	EXPECT_ERRNO(ENOENT, prearm(self->watch, MNCK_PREARM_START, "no_such_function"));
	EXPECT_ERRNO(ENOENT, prearm(self->watch, MNCK_PREARM_START, IN_MODULE("no_function")));
	/* Data. */
	EXPECT_ERRNO(ENOENT, prearm(self->watch, MNCK_PREARM_START, IN_MODULE("clean_ops")));

	/* The rights of the opener of the device count. */
	ASSERT_EQ(0, drop_capability(CAP_SYS_ADMIN));
	EXPECT_EQ(0, prearm(self->watch, MNCK_PREARM_START, IN_MODULE("clean_start")));
	watch = watch_process(self->victim.pid);
	ASSERT_LE(0, watch);
	EXPECT_ERRNO(EPERM, prearm(watch, MNCK_PREARM_START, IN_MODULE("clean_start")));
	EXPECT_EQ(0, close(watch));
}

TEST_HARNESS_MAIN
