// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tool.h"

int tool_run(const char *command, struct tool_output *output)
{
	char *both = NULL;
	FILE *pipe;
	int status;

	if (asprintf(&both, "{ %s ; } 2>&1", command) < 0)
		return -1;
	pipe = popen(both, "re");
	free(both);
	if (!pipe)
		return -1;
	output->len = fread(output->text, 1, sizeof(output->text) - 1, pipe);
	output->text[output->len] = 0;
	status = pclose(pipe);
	if (status < 0)
		return -1;
	output->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	if (output->len == sizeof(output->text) - 1) {
		errno = EMSGSIZE;
		return -1;
	}
	return 0;
}

static bool is_like(const char *pattern, const char *line)
{
	for (; *pattern != '*'; pattern++, line++) {
		if (*pattern != *line)
			return false;
		if (!*pattern)
			return true;
	}
	do {
		if (is_like(pattern + 1, line))
			return true;
	} while (*line++);
	return false;
}

/* Copies a line, with one space for each run of spaces; returns the next line. */
static const char *next_line(const char *text, char *line, size_t size)
{
	size_t len = 0;

	for (; *text && *text != '\n'; text++) {
		if (*text == ' ' && len && line[len - 1] == ' ')
			continue;
		if (len + 1 < size)
			line[len++] = *text;
	}
	while (len && line[len - 1] == ' ')
		len--;
	line[len] = 0;
	return *text ? text + 1 : text;
}

/* Returns where the lines end that match @lines, or NULL; then @at is that which does not. */
static const char *match(const char *text, const char *const *lines, const char *const **at)
{
	char line[1024];

	for (*at = lines; **at; ++*at) {
		if (!*text)
			return NULL;
		text = next_line(text, line, sizeof(line));
		if (!is_like(**at, line))
			return NULL;
	}
	return text;
}

static bool differ(const char *text, const char *line)
{
	fprintf(stderr, "# no line matches \"%s\" here:\n", line ? line : "(the end)");
	/* Each with a mark, so that none is taken for the test's own. */
	while (*text) {
		int len = strcspn(text, "\n");

		fprintf(stderr, "# | %.*s\n", len, text);
		text += len + !!text[len];
	}
	return false;
}

bool tool_lines(const char *text, const char *const *lines)
{
	const char *const *at;
	const char *end = match(text, lines, &at);

	return end && !*end ? true : differ(text, *at);
}

bool tool_has_lines(const char *text, const char *const *lines)
{
	const char *const *at;
	const char *from;

	for (from = text; *from; from += strcspn(from, "\n"), from += *from == '\n') {
		if (match(from, lines, &at))
			return true;
	}
	return differ(text, *lines);
}
