/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Modules that a test inserts and removes itself: mnck, and others.
 *
 * Functions that return int return 0, or -1 and errno.
 */
#ifndef MNCK_SELFTEST_MODULE_H
#define MNCK_SELFTEST_MODULE_H

#include <stdbool.h>

/*
 * Returns the file of a module, or NULL if there is none: what the environment's
 * @variable names, or else NAME.ko in the directory of the program, in the directory
 * above it, or in /lib.  The text is valid until the next call.
 */
const char *module_file(const char *variable, const char *name);

/* Inserts a module; fails with ENOENT if it has no file. */
int module_insert(const char *variable, const char *name, const char *parameters);

int module_remove(const char *name);

/* Returns whether mnck can be inserted again: a test must ask before it removes mnck. */
bool has_mnck_ko(void);

#define REQUIRE_MNCK_KO()                                       \
	do {                                                    \
		if (!has_mnck_ko())                             \
			SKIP(return, "no mnck.ko to insert again: set MNCK_KO"); \
	} while (0)

/*
 * Inserts mnck with these parameters.  Does not run the KUnit suites: they have run when mnck was
 * inserted first, and take longer than all else.
 */
int mnck_insert(const char *parameters);

int mnck_remove(void);

/* Sets a parameter of mnck, which is loaded. */
int mnck_set_parameter(const char *name, unsigned int value);

#endif /* MNCK_SELFTEST_MODULE_H */
