// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "file.h"
#include "tracefs.h"

int tracefs_mount(void)
{
	if (!access(TRACE_FILE, F_OK))
		return 0;
	return mount("tracefs", TRACEFS, "tracefs", 0, NULL);
}

int tracing_clear(void)
{
	int fd = open(TRACE_FILE, O_WRONLY | O_TRUNC | O_CLOEXEC);

	return fd < 0 ? -1 : close(fd);
}

int tracing_on(void)
{
	return tracing_clear() || file_write(TRACE_EVENTS "/enable", "1") ? -1 : 0;
}

int tracing_off(void)
{
	return file_write(TRACE_EVENTS "/enable", "0");
}

int traced(const char *text)
{
	FILE *trace = fopen(TRACE_FILE, "re");
	char line[512];
	int n = 0;

	if (!trace)
		return -1;
	while (fgets(line, sizeof(line), trace))
		n += !!strstr(line, text);
	fclose(trace);
	return n;
}
