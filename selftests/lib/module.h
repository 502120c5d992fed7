/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Modules that a test inserts and removes itself: mnck, and others beside it.
 *
 * All functions that return int return 0 or a file descriptor, or -1 and errno.
 */
#ifndef MNCK_SELFTEST_MODULE_H
#define MNCK_SELFTEST_MODULE_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "file.h"

/* The module's file is where the environment's @variable says, or at @path. */
static inline int module_insert(const char *variable, const char *path, const char *parameters)
{
	int fd = open(getenv(variable) ?: path, O_RDONLY | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return -1;
	ret = syscall(SYS_finit_module, fd, parameters, 0);
	close(fd);
	return ret;
}

static inline int module_remove(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK);
}

#define MNCK_KO "/lib/mnck.ko"

/* Who removes mnck has asked this first. */
static inline bool mnck_can_return(void)
{
	return !access(getenv("MNCK_KO") ?: MNCK_KO, R_OK);
}

/* Which KUnit suites of a module are run when it is inserted; not there if there is no KUnit. */
#define KUNIT_FILTER "/sys/module/kunit/parameters/filter_glob"

/* Without its suites, which take longer than all else, and ran when it was inserted first. */
static inline int mnck_insert(const char *parameters)
{
	int ret, error;

	file_write(KUNIT_FILTER, "none");
	ret = module_insert("MNCK_KO", MNCK_KO, parameters);
	error = errno;
	file_write(KUNIT_FILTER, "*");
	errno = error;
	return ret;
}

static inline int mnck_remove(void)
{
	return module_remove("mnck");
}

#endif /* MNCK_SELFTEST_MODULE_H */
