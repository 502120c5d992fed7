/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What mnck reports while it watches all drivers, and how it probes them.
 */
#ifndef MNCK_SELFTEST_OBSERVED_H
#define MNCK_SELFTEST_OBSERVED_H

#include <stdbool.h>

#include "file.h"
#include "mistakes.h"
#include "module.h"
#include "option.h"
#include "table.h"

/* The name of a function of the module with the mistakes, as reports have it. */
#define OF_MISTAKES(_function) _function " [" MISTAKES_MODULE "]"

/* A line of the table of probed functions. */
struct probed {
	char callback[32];
	char state[16];
	long calls;
	long refused;
	long max_us;
	long missed;
};

/*
 * Reads the line of a function, whose name may leave out the module; returns whether there
 * is one.
 */
bool probed(const char *function, struct probed *row);

/* Returns how often a function was called, or -1 if it is not probed. */
long probed_calls(const char *function);

/* Returns how often a function broke a rule; 0 if it is not known to. */
long broken(const char *rule, const char *function);

/* Returns the line that reports the first time, or NULL.  It is valid until the next call. */
const char *first_broken(const char *rule, const char *function);

/* Returns whether any rule is known to be broken by what has @words in its name. */
bool is_accused(const char *words);

/* Announces a WARN of mnck about a function, or about the core. */
void announce_broken(const char *rule, const char *function);

/* Has mnck watch all drivers, and inserts those that make mistakes. */
#define WATCH_MISTAKES()                                                          \
	do {                                                                      \
		REQUIRE_TABLES();                                                 \
		REQUIRE_OPTION(has_fprobe(), "FPROBE");                           \
		INSERT_MISTAKES();                                                \
		ASSERT_EQ(0, file_write(TABLES "violations", "clear"));           \
		ASSERT_EQ(0, mnck_set_parameter("watch", 1));                     \
	} while (0)

/* Ends that.  Nothing has the device open any more. */
#define UNWATCH_MISTAKES()                                                        \
	do {                                                                      \
		EXPECT_EQ(0, mnck_set_parameter("watch", 0));                     \
		EXPECT_EQ(0, module_remove(MISTAKES_MODULE));                     \
	} while (0)

/* Waits until a function is probed, by fprobe. */
#define WAIT_UNTIL_PROBED(_function)                                              \
	do {                                                                      \
		struct probed row_;                                               \
										  \
		WAIT_UNTIL(probed(_function, &row_));                             \
		ASSERT_STREQ("fprobe", row_.state);                               \
	} while (0)

/*
 * The test subscribes to a driver itself, for fixtures with the member driver, so that the driver
 * is probed before another process has it.  @_function is its callback that is registered last.
 */
#define HAVE_OWN_DRIVER(_line, _function)                                             \
	do {                                                                      \
		self->driver = mistakes_subscribe(_line);                         \
		ASSERT_LE(0, self->driver);                                       \
		WAIT_UNTIL_PROBED(_function);                                     \
	} while (0)

#endif /* MNCK_SELFTEST_OBSERVED_H */
