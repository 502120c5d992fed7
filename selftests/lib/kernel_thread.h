/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Kernel threads by their names.  In a trace a thread may not have its name yet
 * ("<...>"): the kernel notes it when the thread sleeps next.
 */
#ifndef MNCK_SELFTEST_KERNEL_THREAD_H
#define MNCK_SELFTEST_KERNEL_THREAD_H

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "proc.h"

/* The one thread of this name, or -1. */
static inline pid_t kernel_thread(const char *name)
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
		proc_read(comm, sizeof(comm), path);
		comm[strcspn(comm, "\n")] = '\0';
		if (!strcmp(comm, name))
			pid = atoi(entry->d_name);
	}
	if (proc)
		closedir(proc);
	return pid;
}

#endif /* MNCK_SELFTEST_KERNEL_THREAD_H */
