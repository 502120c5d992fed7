/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The drivers of drivers/notifier_mistakes, most of which make a mistake.
 */
#ifndef MNCK_SELFTEST_MISTAKES_H
#define MNCK_SELFTEST_MISTAKES_H

#include <stdbool.h>

#include "module.h"

#define MISTAKES_MODULE "notifier_mistakes"
#define MISTAKES_DEVICE "/dev/notifier_mistakes"
#define MISTAKES_VARIABLE "MNCK_NOTIFIER_MISTAKES_KO"

#define LEAVER_MODULE "notifier_leaver"
#define LEAVER_VARIABLE "MNCK_NOTIFIER_LEAVER_KO"

/* What a line has behind the name of an interval driver: all of a victim's area. */
#define MISTAKES_PAGES 4
#define IN_AREA " 0x100000000 0x4000"

/* The same for an interval that is longer than the rest of all addresses. */
#define TOO_LONG " 0xffffffffffff0000 0x80000000"

/* Inserts the module, or skips the test. */
#define INSERT_MISTAKES()                                                         \
	do {                                                                      \
		if (!module_file(MISTAKES_VARIABLE, MISTAKES_MODULE))             \
			SKIP(return, "no notifier_mistakes.ko; set " MISTAKES_VARIABLE); \
		ASSERT_EQ(0, module_insert(MISTAKES_VARIABLE, MISTAKES_MODULE, "")); \
	} while (0)

/*
 * Gives the calling process a driver, as long as it has the file open that this returns; or
 * returns -1.
 */
int mistakes_subscribe(const char *line);

/* Lets the starts go on that hang; returns 0, or -1 and errno. */
int mistakes_let_go(void);

/* How often the newest subscription of a driver was called. */
struct mistakes_calls {
	long begun;
	long ended;
};

/* Reads that; returns whether the driver has a subscription. */
bool mistakes_calls(const char *driver, struct mistakes_calls *calls);

#endif /* MNCK_SELFTEST_MISTAKES_H */
