/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fault injection that lets each allocation of a system call fail once: the 1st, then
 * the 2nd, and so on, until the call makes no further allocation.
 *
 * Documentation/fault-injection/fault-injection.rst describes the files used here.
 */
#ifndef MNCK_SELFTEST_FAIL_NTH_H
#define MNCK_SELFTEST_FAIL_NTH_H

#include "option.h"

enum fail_what {
	/* Objects of slab caches: nearly all that a module allocates. */
	FAIL_SLAB,
	/* Pages: what slab caches grow by, page tables, memory of processes. */
	FAIL_PAGE,
	FAIL_NOTHING,
};

#define REQUIRE_FAULT_INJECTION()                               \
	do {                                                    \
		REQUIRE_OPTION(has_fail_nth(), "FAULT_INJECTION"); \
		REQUIRE_OPTION(has_fail_debugfs(), "FAULT_INJECTION_DEBUG_FS"); \
		REQUIRE_OPTION(has_failslab(), "FAILSLAB");     \
		REQUIRE_OPTION(has_fail_page_alloc(), "FAIL_PAGE_ALLOC"); \
	} while (0)

/* From now on fail-nth counts @what.  Returns NULL, or the file that the kernel lacks. */
const char *fail_setup(enum fail_what what);

/* The result of a sweep. */
struct swept {
	/* Calls that failed with ENOMEM. */
	unsigned int failed;
	/* Calls that succeeded although an allocation failed. */
	unsigned int absorbed;
	/* The last errno other than ENOMEM that a call failed with, or 0. */
	int wrong_errno;
	/* The errno of the last call, in which no allocation failed. */
	int result;
};

struct sweep {
	/* Brings about the state in which the call is made, the same each time. */
	int (*prepare)(void *arg);
	/* The system call, and nothing else. */
	int (*call)(void *arg);
	/* Undoes a call that has succeeded. */
	int (*undo)(void *arg);
	/* Checks the state that a failed call has left. */
	int (*check)(void *arg);
};

/* Returns 0, or -1 and errno if a function other than the call failed. */
int sweep_all(const struct sweep *sweep, void *arg, struct swept *swept);

#endif /* MNCK_SELFTEST_FAIL_NTH_H */
