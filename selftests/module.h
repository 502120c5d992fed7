/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Modules other than mnck, which a test inserts and removes itself.
 *
 * All functions return 0 or a file descriptor, or -1 and errno.
 */
#ifndef MNCK_SELFTEST_MODULE_H
#define MNCK_SELFTEST_MODULE_H

#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The module's file is where the environment's @variable says, or at @path. */
static inline int module_insert(const char *variable, const char *path)
{
	int fd = open(getenv(variable) ?: path, O_RDONLY | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return -1;
	ret = syscall(SYS_finit_module, fd, "", 0);
	close(fd);
	return ret;
}

static inline int module_remove(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK);
}

#endif /* MNCK_SELFTEST_MODULE_H */
