// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "table.h"

static char text[64 * 1024];

/* Reads all of a table; returns 0 or an errno. */
static int read_table(const char *table)
{
	char path[64];
	size_t len = 0;
	ssize_t n;
	int fd;

	text[0] = '\0';
	snprintf(path, sizeof(path), TABLES "%s", table);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += n;
	close(fd);
	text[len] = '\0';
	return n ? errno : 0;
}

const char *table_row(const char *table, const char *words)
{
	if (read_table(table))
		return NULL;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (!strncmp(line, words, strlen(words)) && line[strlen(words)] == ' ')
			return line;
	return NULL;
}

bool table_has(const char *table, const char *words)
{
	return !read_table(table) && strstr(text, words);
}

long rule_count(const char *rule)
{
	const char *line = table_row("violations", rule);

	return line ? atol(line + strlen(rule)) : -1;
}

const char *subscriber_name(const char *kind, const struct subscriber *sub)
{
	static char name[2][32];
	static int which;
	struct mnck_stats st;

	which = !which;
	if (mnck_stats(sub, &st))
		return "";
	snprintf(name[which], sizeof(name[which]), "%s %llu", kind, st.serial);
	return name[which];
}

int table_registered(const char *driver, pid_t pid, const char *words)
{
	static bool was_read;
	char name[128];
	int n = 0, line_pid;
	pid_t child;

	/* The first reader after the module was loaded must have one thread. */
	if (!was_read) {
		child = fork();
		if (!child)
			_exit(!!read_table("registered"));
		was_read = child > 0 && waitpid(child, NULL, 0) == child;
	}
	if (read_table("registered"))
		return -1;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		int end = 0;

		/* The name of the module, if there is one, is in brackets. */
		if (sscanf(line, "%127s [%*[^]]] %d%n", name, &line_pid, &end) != 2 &&
		    sscanf(line, "%127s %d%n", name, &line_pid, &end) != 2)
			continue;
		n += !strcmp(name, driver) && line_pid == pid && strstr(line + end, words);
	}
	return n;
}
