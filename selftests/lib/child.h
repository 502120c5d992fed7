/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Child processes: those that only pause, and those that make one call.
 */
#ifndef MNCK_SELFTEST_CHILD_H
#define MNCK_SELFTEST_CHILD_H

#include <stddef.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* Forks a child that only pauses, and that dies with this process.  As fork(). */
pid_t child_start(void);

/* The same, but the child first writes to @pages pages at @start, and then this returns. */
pid_t child_start_writing(char *start, size_t pages);

/* Kills a child, waits for it and sets @child to 0; does nothing if there is none. */
int child_kill(pid_t *child);

/* Evaluates @_failed in a child, whose PID is @_child, until it has exited.  It must be 0. */
#define ASSERT_IN_CHILD(_child, _failed)                        \
	do {                                                    \
		int status_;                                    \
								\
		(_child) = fork();                              \
		ASSERT_LE(0, _child);                           \
		if (!(_child))                                  \
			_exit(!!(_failed));                     \
		ASSERT_EQ(_child, waitpid(_child, &status_, 0)); \
		ASSERT_EQ(0, status_);                          \
	} while (0)

/* Waits for a child, which exits with 0 if it has failed no assertion. */
#define JOIN_CHILD(_child)                                      \
	do {                                                    \
		int status_;                                    \
								\
		ASSERT_LT(0, _child);                           \
		ASSERT_EQ(_child, waitpid(_child, &status_, 0)); \
		EXPECT_EQ(0, status_);                          \
	} while (0)

#endif /* MNCK_SELFTEST_CHILD_H */
