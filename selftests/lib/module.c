// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "file.h"
#include "module.h"

#define MNCK_KO "/lib/mnck.ko"

/* The KUnit suites that run when a module is inserted; does not exist without KUnit. */
#define KUNIT_FILTER "/sys/module/kunit/parameters/filter_glob"

int module_insert(const char *variable, const char *path, const char *parameters)
{
	int fd = open(getenv(variable) ?: path, O_RDONLY | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return -1;
	ret = syscall(SYS_finit_module, fd, parameters, 0);
	close(fd);
	return ret;
}

int module_remove(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK);
}

bool has_mnck_ko(void)
{
	return !access(getenv("MNCK_KO") ?: MNCK_KO, R_OK);
}

int mnck_insert(const char *parameters)
{
	int ret, error;

	file_write(KUNIT_FILTER, "none");
	ret = module_insert("MNCK_KO", MNCK_KO, parameters);
	error = errno;
	file_write(KUNIT_FILTER, "*");
	errno = error;
	return ret;
}

int mnck_remove(void)
{
	return module_remove("mnck");
}
