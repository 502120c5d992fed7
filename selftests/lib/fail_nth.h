/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Letting each allocation of a system call fail once: the 1st, then the 2nd, and
 * so on, until the call has none left to fail.
 *
 * Documentation/fault-injection/fault-injection.rst has the files used here.
 */
#ifndef MNCK_SELFTEST_FAIL_NTH_H
#define MNCK_SELFTEST_FAIL_NTH_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"

#define FAULTS "/sys/kernel/debug/"
#define SLABS "/sys/kernel/slab"

/*
 * Whether an object of a slab cache may fail.  kmemleak allocates one for each
 * that it watches, and if it does not get it, it takes one from a reserve, and
 * gives up for good when that is empty.
 */
static inline int fail_slabs(const char *may)
{
	DIR *slabs = opendir(SLABS);
	struct dirent *slab;
	int n = 0;

	if (!slabs)
		return 0;
	while ((slab = readdir(slabs))) {
		char path[sizeof(SLABS) + sizeof(slab->d_name) + 16];

		/* Links are other names of a cache that stands there already. */
		if (slab->d_type != DT_DIR || slab->d_name[0] == '.' ||
		    !strncmp(slab->d_name, "kmemleak", strlen("kmemleak")))
			continue;
		snprintf(path, sizeof(path), SLABS "/%s/failslab", slab->d_name);
		n += !file_write(path, may);
	}
	closedir(slabs);
	return n;
}

enum fail_what {
	/* Objects of slab caches: nearly all that a module allocates. */
	FAIL_SLAB,
	/* Pages: what caches grow by, page tables, memory of processes. */
	FAIL_PAGE,
	FAIL_NOTHING,
};

/* From now on fail-nth counts @what.  Returns NULL, or what the kernel lacks. */
static inline const char *fail_setup(enum fail_what what)
{
	const struct {
		const char *path, *value;
	} settings[] = {
		/* Each failure would be a trace in the log. */
		{ FAULTS "failslab/verbose", "0" },
		{ FAULTS "fail_page_alloc/verbose", "0" },
		/* Those that may sleep are most of them, and spared by default. */
		{ FAULTS "failslab/ignore-gfp-wait", what == FAIL_SLAB ? "N" : "Y" },
		{ FAULTS "failslab/cache-filter", what == FAIL_NOTHING ? "N" : "Y" },
		{ FAULTS "fail_page_alloc/ignore-gfp-wait", what == FAIL_PAGE ? "N" : "Y" },
		{ FAULTS "fail_page_alloc/ignore-gfp-highmem", what == FAIL_PAGE ? "N" : "Y" },
		{ FAULTS "fail_page_alloc/min-order", what == FAIL_PAGE ? "0" : "32" },
	};

	for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++)
		if (file_write(settings[i].path, settings[i].value))
			return settings[i].path;
	if (access("/proc/thread-self/fail-nth", W_OK))
		return "/proc/thread-self/fail-nth";
	return fail_slabs(what == FAIL_SLAB ? "1" : "0") ? NULL : SLABS;
}

/* What came of a sweep. */
struct swept {
	/* How many calls failed for want of memory. */
	unsigned int failed;
	/* How many had to do without what failed, and could. */
	unsigned int absorbed;
	/* An errno other than ENOMEM that one has failed with, if any has. */
	int wrong_errno;
	/* The errno of the call that no allocation failed for any more. */
	int result;
};

struct sweep {
	/* Brings about the state that the call is made in, the same each time. */
	int (*prepare)(void *arg);
	/* The system call, and no more. */
	int (*call)(void *arg);
	/* What a call that succeeded has done is undone. */
	int (*undo)(void *arg);
	/* What is to be seen behind a call that has failed. */
	int (*check)(void *arg);
};

/* Returns 0, or -1 if one of the functions but the call did, with errno. */
static inline int sweep_all(const struct sweep *sweep, void *arg, struct swept *swept)
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
			/* It has fewer of them. */
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

#endif /* MNCK_SELFTEST_FAIL_NTH_H */
