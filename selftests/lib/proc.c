// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "proc.h"

char proc_state(pid_t pid, pid_t tid)
{
	char path[64], buf[512], *comm_end;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
	file_read(buf, sizeof(buf), path);
	comm_end = strrchr(buf, ')');
	return comm_end && comm_end[1] ? comm_end[2] : 0;
}

bool proc_sleeps(pid_t pid, pid_t tid)
{
	char state = proc_state(pid, tid);

	return state == 'S' || state == 'D';
}

bool proc_stack_has(pid_t pid, pid_t tid, const char *function)
{
	char path[64], buf[4096];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stack", pid, tid);
	file_read(buf, sizeof(buf), path);
	return strstr(buf, function);
}

bool proc_sleeps_in(pid_t pid, pid_t tid, const char *function)
{
	char path[64], buf[256];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/wchan", pid, tid);
	file_read(buf, sizeof(buf), path);
	return strstr(buf, function);
}

long proc_rss_anon(pid_t pid)
{
	char path[64], buf[4096], *line;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file_read(buf, sizeof(buf), path);
	line = strstr(buf, "\nRssAnon:");
	return line ? atol(line + strlen("\nRssAnon:")) : -1;
}

pid_t kernel_thread(const char *name)
{
	char path[300], comm[64];
	struct dirent *entry;
	pid_t pid = -1;
	DIR *proc;

	proc = opendir("/proc");
	while (proc && pid < 0 && (entry = readdir(proc))) {
		if (!isdigit(entry->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		file_read(comm, sizeof(comm), path);
		comm[strcspn(comm, "\n")] = '\0';
		if (!strcmp(comm, name))
			pid = atoi(entry->d_name);
	}
	if (proc)
		closedir(proc);
	return pid;
}

int proc_reapable(pid_t pid, struct reapable *reap)
{
	unsigned long start = 0, end = 0, from, to;
	bool vsyscall = false;
	char path[64];
	char *line = NULL;
	size_t size = 0;
	FILE *smaps;

	*reap = (struct reapable){};
	snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	smaps = fopen(path, "re");
	if (!smaps)
		return -1;

	while (getline(&line, &size, smaps) > 0) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2) {
			start = from;
			end = to;
			vsyscall = strstr(line, "[vsyscall]");
		} else if (!strncmp(line, "VmFlags:", 8) && !vsyscall &&
			   !strstr(line, " sh") && !strstr(line, " pf") &&
			   !strstr(line, " ht")) {
			if (!reap->vmas++) {
				reap->start = start;
				reap->end = end;
			}
			reap->top_start = start;
			reap->top_end = end;
			reap->bytes += end - start;
		}
	}
	free(line);
	fclose(smaps);
	return reap->vmas ? 0 : -1;
}
