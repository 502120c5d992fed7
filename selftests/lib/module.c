// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "file.h"
#include "module.h"

/* The KUnit suites that run when a module is inserted; does not exist without KUnit. */
#define KUNIT_FILTER "/sys/module/kunit/parameters/filter_glob"

const char *module_file(const char *variable, const char *name)
{
	const char *given = getenv(variable);
	static char path[PATH_MAX + 64];
	char program[PATH_MAX];
	ssize_t len;

	if (given)
		return access(given, R_OK) ? NULL : given;
	len = readlink("/proc/self/exe", program, sizeof(program) - 1);
	program[len > 0 ? len : 0] = '\0';
	for (int up = 0; up < 2; up++) {
		char *slash = strrchr(program, '/');

		if (!slash)
			break;
		*slash = '\0';
		snprintf(path, sizeof(path), "%s/%s.ko", program, name);
		if (!access(path, R_OK))
			return path;
	}
	snprintf(path, sizeof(path), "/lib/%s.ko", name);
	return access(path, R_OK) ? NULL : path;
}

int module_insert(const char *variable, const char *name, const char *parameters)
{
	const char *path = module_file(variable, name);
	int fd, ret;

	if (!path) {
		errno = ENOENT;
		return -1;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
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
	return module_file("MNCK_KO", "mnck");
}

int mnck_insert(const char *parameters)
{
	int ret, error;

	file_write(KUNIT_FILTER, "none");
	ret = module_insert("MNCK_KO", "mnck", parameters);
	error = errno;
	file_write(KUNIT_FILTER, "*");
	errno = error;
	return ret;
}

int mnck_remove(void)
{
	return module_remove("mnck");
}

int mnck_set_parameter(const char *name, unsigned int value)
{
	char path[128], text[16];

	snprintf(path, sizeof(path), "/sys/module/mnck/parameters/%s", name);
	snprintf(text, sizeof(text), "%u", value);
	return file_write(path, text);
}
