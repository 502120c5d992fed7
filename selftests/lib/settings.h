/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Settings of the kernel, in sysfs or /proc/sys, that a test needs otherwise than
 * they are, and puts back.
 *
 * As in mnck_utils.h, what returns int returns 0, or -1 and errno.
 */
#ifndef MNCK_SELFTEST_SETTINGS_H
#define MNCK_SELFTEST_SETTINGS_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "proc.h"

#define SETTINGS 8

struct settings {
	struct {
		const char *path;
		char old[64];
	} was[SETTINGS];
	size_t n;
};

/* What it is set to now: all of the line, or the word in brackets. */
static inline int setting_read(const char *path, char *text, size_t size)
{
	char *word;

	proc_read(text, size, path);
	text[strcspn(text, "\n")] = '\0';
	word = strchr(text, '[');
	if (word) {
		memmove(text, word + 1, strlen(word));
		text[strcspn(text, "]")] = '\0';
	}
	return text[0] ? 0 : -1;
}

/* A setting that is a number; -1: there is no such. */
static inline long setting_number(const char *path)
{
	char text[64];

	return setting_read(path, text, sizeof(text)) ? -1 : atol(text);
}

static inline int setting_change(struct settings *s, const char *path, const char *value)
{
	if (s->n == SETTINGS) {
		errno = E2BIG;
		return -1;
	}
	s->was[s->n].path = path;
	if (setting_read(path, s->was[s->n].old, sizeof(s->was[s->n].old)))
		return -1;
	s->n++;
	return file_write(path, value);
}

/* The last that was changed first. */
static inline int settings_restore(struct settings *s)
{
	int ret = 0;

	while (s->n) {
		s->n--;
		if (file_write(s->was[s->n].path, s->was[s->n].old))
			ret = -1;
	}
	return ret;
}

#endif /* MNCK_SELFTEST_SETTINGS_H */
