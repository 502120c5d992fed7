/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Child processes that only pause.
 */
#ifndef MNCK_SELFTEST_CHILD_H
#define MNCK_SELFTEST_CHILD_H

#include <sys/types.h>

/* Forks a child that only pauses, and that dies with this process.  As fork(). */
pid_t child_start(void);

/* Kills a child, waits for it and sets @child to 0; does nothing if there is none. */
int child_kill(pid_t *child);

#endif /* MNCK_SELFTEST_CHILD_H */
