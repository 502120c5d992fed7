/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A process that gives up privileges.
 *
 * Functions that return int return 0, or -1 and errno.
 */
#ifndef MNCK_SELFTEST_PRIVILEGE_H
#define MNCK_SELFTEST_PRIVILEGE_H

#include <sys/types.h>
#include <unistd.h>

#include <linux/capability.h>

/* A user and a group that own nothing, in the initial user namespace. */
#define NOBODY 65534

/* Becomes an unprivileged user and the group of the same number, for good. */
int become_user(uid_t user);

/* Gives up one effective capability, for good, and remains the same user. */
int drop_capability(int capability);

#endif /* MNCK_SELFTEST_PRIVILEGE_H */
