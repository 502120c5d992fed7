// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fail_nth.h"
#include "file.h"
#include "kselftest.h"

#define FAULTS "/sys/kernel/debug/"
#define SLABS "/sys/kernel/slab"

/*
 * Sets whether allocations from the slab caches may fail (@may: "1" or "0").  Returns the
 * number of caches.
 *
 * The caches of kmemleak are left out: it allocates an object for each object that it
 * watches, takes one from a reserve if that fails, and turns itself off for good when
 * the reserve is empty.
 */
static int fail_slabs(const char *may)
{
	DIR *slabs = opendir(SLABS);
	struct dirent *slab;
	int n = 0;

	if (!slabs)
		return 0;
	while ((slab = readdir(slabs))) {
		char path[sizeof(SLABS) + sizeof(slab->d_name) + 16];

		/* A link is another name of a cache that has a directory of its own. */
		if (slab->d_type != DT_DIR || slab->d_name[0] == '.' ||
		    !strncmp(slab->d_name, "kmemleak", strlen("kmemleak")))
			continue;
		snprintf(path, sizeof(path), SLABS "/%s/failslab", slab->d_name);
		n += !file_write(path, may);
	}
	closedir(slabs);
	return n;
}

const char *fail_setup(enum fail_what what)
{
	const struct {
		const char *path, *value;
	} settings[] = {
		/* No stack trace in the log for each failure. */
		{ FAULTS "failslab/verbose", "0" },
		{ FAULTS "fail_page_alloc/verbose", "0" },
		/* By default only allocations that may not sleep fail, which are few. */
		{ FAULTS "failslab/ignore-gfp-wait", what == FAIL_SLAB ? "N" : "Y" },
		{ FAULTS "failslab/cache-filter", what == FAIL_NOTHING ? "N" : "Y" },
		{ FAULTS "fail_page_alloc/ignore-gfp-wait", what == FAIL_PAGE ? "N" : "Y" },
		{ FAULTS "fail_page_alloc/ignore-gfp-highmem", what == FAIL_PAGE ? "N" : "Y" },
		{ FAULTS "fail_page_alloc/min-order", what == FAIL_PAGE ? "0" : "32" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		if (file_write(settings[i].path, settings[i].value))
			return settings[i].path;
	if (access("/proc/thread-self/fail-nth", W_OK))
		return "/proc/thread-self/fail-nth";
	return fail_slabs(what == FAIL_SLAB ? "1" : "0") ? NULL : SLABS;
}

int sweep_all(const struct sweep *sweep, void *arg, struct swept *swept)
{
	int fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	int ret = -1, error;
	char text[16];

	*swept = (struct swept){};
	for (unsigned int nth = 1; fd >= 0; nth++) {
		if (sweep->prepare && sweep->prepare(arg))
			break;
		snprintf(text, sizeof(text), "%u", nth);
		if (write(fd, text, strlen(text)) < 0)
			break;
		error = sweep->call(arg) ? errno : 0;
		memset(text, 0, sizeof(text));
		if (pread(fd, text, sizeof(text) - 1, 0) <= 0 || pwrite(fd, "0", 1, 0) != 1)
			break;
		if (strtoul(text, NULL, 10)) {
			/* The call makes fewer than nth allocations. */
			swept->result = error;
			ret = error || !sweep->undo ? 0 : sweep->undo(arg);
			break;
		}
		if (!error)
			swept->absorbed++;
		else if (error == ENOMEM)
			swept->failed++;
		else
			swept->wrong_errno = error;
		if (!error && sweep->undo && sweep->undo(arg))
			break;
		if (error && sweep->check && sweep->check(arg))
			break;
	}
	error = errno;
	if (fd >= 0)
		close(fd);
	errno = error;
	return ret;
}
