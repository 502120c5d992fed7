// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "probe.h"
#include "tracefs.h"

#define GROUP "mnck_probe"
#define PROBES TRACEFS "/events/" GROUP

int probe_add(const char *event, const char *function)
{
	char line[128], path[128];

	snprintf(line, sizeof(line), "p:" GROUP "/%s %s", event, function);
	snprintf(path, sizeof(path), PROBES "/%s/enable", event);
	return file_write(TRACEFS "/kprobe_events", line) || file_write(path, "1") ? -1 : 0;
}

long probe_calls(const char *event)
{
	static char profile[4096];
	unsigned long calls, missed;
	char name[64], *line;

	/* A line has the event, its calls and those that were missed. */
	file_read(profile, sizeof(profile), TRACEFS "/kprobe_profile");
	for (line = strtok(profile, "\n"); line; line = strtok(NULL, "\n"))
		if (sscanf(line, "%63s %lu %lu", name, &calls, &missed) == 3 &&
		    !strcmp(name, event))
			return missed ? -1 : (long)calls;
	return -1;
}

int probes_remove(void)
{
	if (access(PROBES, F_OK))
		return 0;
	return file_write(PROBES "/enable", "0") ||
	       file_write(TRACEFS "/kprobe_events", "-:" GROUP "/") ? -1 : 0;
}
