/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Settings of the kernel in sysfs or /proc/sys, which a test changes and restores.
 *
 * Functions that return int return 0, or -1 and errno.
 */
#ifndef MNCK_SELFTEST_SETTINGS_H
#define MNCK_SELFTEST_SETTINGS_H

#include <stddef.h>

#define LRU_GEN "/sys/kernel/mm/lru_gen/enabled"

#define SETTINGS 8

struct settings {
	struct {
		const char *path;
		char old[64];
	} was[SETTINGS];
	size_t n;
};

/* Returns the value of a setting that is a number; -1 if there is no such setting. */
long setting_number(const char *path);

/* Changes a setting, and records its old value in @s. */
int setting_change(struct settings *s, const char *path, const char *value);

/* Turns the multi-generational LRU off, if the kernel has one, and records that in @s. */
int lru_gen_off(struct settings *s);

/* Restores all settings in @s, the last change first. */
int settings_restore(struct settings *s);

#endif /* MNCK_SELFTEST_SETTINGS_H */
