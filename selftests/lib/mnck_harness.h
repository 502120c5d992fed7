/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Assertions about subscribers, on top of the kselftest harness.
 *
 * They are macros, so that a failure names the line of the test.  Each program includes
 * this file once; the objects of the library cannot, because the harness defines data.
 */
#ifndef MNCK_SELFTEST_HARNESS_H
#define MNCK_SELFTEST_HARNESS_H

#include <errno.h>

#include "kselftest_harness.h"

#include "device.h"
#include "memory.h"
#include "stats.h"

/* Seconds for one test: a hang, not a slow machine.  TCG with lockdep is slow. */
#define MNCK_TIMEOUT 60

/* Returns the errno of a system call, or 0. */
#define errno_of(_call)                                         \
	({                                                      \
		errno = 0;                                      \
		(_call) == -1 ? errno : 0;                      \
	})

#define EXPECT_ERRNO(_errno, _call) EXPECT_EQ(_errno, errno_of(_call))

/*
 * Compares each member, and checks the invariants.  A member that the test leaves out
 * of @_want is expected to be 0.
 */
#define EXPECT_SAME_STATS(_kind, _want, _got)                   \
	do {                                                    \
		struct mnck_stats want_ = (_want);              \
								\
		EXPECT_STREQ("", mnck_broken(_kind, _got));     \
		EXPECT_STREQ("", mnck_differs(&want_, _got));   \
	} while (0)

#define EXPECT_STATS(_sub, _want)                               \
	do {                                                    \
		struct mnck_stats got_;                         \
								\
		ASSERT_EQ(0, mnck_stats(_sub, &got_));          \
		EXPECT_SAME_STATS((_sub)->kind, _want, &got_);  \
	} while (0)

/* Detaches, and compares the final statistics. */
#define EXPECT_DETACH(_sub, _want)                              \
	do {                                                    \
		struct mnck_stats got_;                         \
								\
		ASSERT_EQ(0, mnck_detach(_sub, &got_));         \
		EXPECT_SAME_STATS((_sub)->kind, detached((_sub)->kind, _want), &got_); \
	} while (0)

/*
 * SKIP() for a bug that this kernel is known to have: say what the kernel does wrong.
 * A kernel without the bug must pass the test.  A test of which an EXPECT has failed
 * stays failed.
 */
#define XFAIL(_statement, _fmt, ...)                            \
	do {                                                    \
		if (__test_passed(_metadata)) {                 \
			snprintf(_metadata->results->reason,    \
				 sizeof(_metadata->results->reason),    \
				 _fmt, ##__VA_ARGS__);          \
			_metadata->exit_code = KSFT_XFAIL;      \
		}                                               \
		_metadata->trigger = 0;                         \
		_statement;                                     \
	} while (0)

/*
 * Skips the test, or in a FIXTURE_SETUP() all tests of the fixture, on a kernel that
 * was built without CONFIG_@_option: @_present is what only that option provides.
 */
#define REQUIRE_OPTION(_present, _option)                       \
	do {                                                    \
		if (!(_present))                                \
			SKIP(return, "needs CONFIG_" _option);  \
	} while (0)

/*
 * Polls until a state has come.  The naps do not synchronise anything: only the state
 * ends the loop, or the harness does after MNCK_TIMEOUT.
 */
#define WAIT_UNTIL(_state)                                      \
	do {                                                    \
		if (_state)                                     \
			break;                                  \
		usleep(500);                                    \
	} while (1)

#endif /* MNCK_SELFTEST_HARNESS_H */
