/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tables of mnck in debugfs.
 */
#ifndef MNCK_SELFTEST_TABLE_H
#define MNCK_SELFTEST_TABLE_H

#include <stdbool.h>
#include <sys/types.h>
#include <unistd.h>

#include "device.h"

#define TABLES "/sys/kernel/debug/mnck/"

#define REQUIRE_TABLES()                                        \
	do {                                                    \
		if (access(TABLES, F_OK))                       \
			SKIP(return, "no debugfs is mounted at /sys/kernel/debug"); \
	} while (0)

/*
 * Returns the line of a table that begins with @words, or NULL.  It is valid until the
 * next call.
 */
const char *table_row(const char *table, const char *words);

/* Returns whether a table has these words. */
bool table_has(const char *table, const char *words);

/* Returns how often all subscribers broke a rule, or -1 if the table has no such rule. */
long rule_count(const char *rule);

/* Returns the name of a subscriber in the tables; the last two returned are valid. */
const char *subscriber_name(const char *kind, const struct subscriber *sub);

/*
 * Returns how many lines the table of all subscriptions has for a process and a driver, whose
 * name the line begins with, with @words behind it.
 */
int table_registered(const char *driver, pid_t pid, const char *words);

#endif /* MNCK_SELFTEST_TABLE_H */
