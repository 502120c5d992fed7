// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "settings.h"

/* Reads the current value: all of the line, or the word in brackets. */
static int setting_read(const char *path, char *text, size_t size)
{
	char *word;

	file_read(text, size, path);
	text[strcspn(text, "\n")] = '\0';
	word = strchr(text, '[');
	if (word) {
		memmove(text, word + 1, strlen(word));
		text[strcspn(text, "]")] = '\0';
	}
	return text[0] ? 0 : -1;
}

long setting_number(const char *path)
{
	char text[64];

	return setting_read(path, text, sizeof(text)) ? -1 : atol(text);
}

int setting_change(struct settings *s, const char *path, const char *value)
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

int lru_gen_off(struct settings *s)
{
	return access(LRU_GEN, F_OK) ? 0 : setting_change(s, LRU_GEN, "n");
}

int settings_restore(struct settings *s)
{
	int ret = 0;

	while (s->n) {
		s->n--;
		if (file_write(s->was[s->n].path, s->was[s->n].old))
			ret = -1;
	}
	return ret;
}
