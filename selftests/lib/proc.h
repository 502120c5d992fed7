/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What /proc and /dev/kmsg say about a process from outside.
 */
#ifndef MNCK_SELFTEST_PROC_H
#define MNCK_SELFTEST_PROC_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* Reads all of a small file; "" if there is none. */
static inline void proc_read(char *buf, size_t size, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, buf, size - 1);

	buf[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

/* The scheduler state of a thread: 'R' runs or could, 'S' and 'D' sleep, 'Z'; 0: gone. */
static inline char proc_state(pid_t pid, pid_t tid)
{
	char path[64], buf[512], *comm_end;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
	proc_read(buf, sizeof(buf), path);
	comm_end = strrchr(buf, ')');
	return comm_end && comm_end[1] ? comm_end[2] : 0;
}

static inline bool proc_sleeps(pid_t pid, pid_t tid)
{
	char state = proc_state(pid, tid);

	return state == 'S' || state == 'D';
}

/* Does the thread sleep in a kernel function whose name contains @function? */
static inline bool proc_sleeps_in(pid_t pid, pid_t tid, const char *function)
{
	char path[64], buf[256];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/wchan", pid, tid);
	proc_read(buf, sizeof(buf), path);
	return strstr(buf, function);
}

/* Is there a lockdep that has not turned itself off? */
static inline bool lockdep_watches(void)
{
	char buf[8192], *line;

	proc_read(buf, sizeof(buf), "/proc/lockdep_stats");
	line = strstr(buf, "\n debug_locks:");
	return line && atoi(line + strlen("\n debug_locks:"));
}

/* Private anonymous memory in kB, summed over all CPUs, so exact; -1: no mm. */
static inline long proc_rss_anon(pid_t pid)
{
	char path[64], buf[4096], *line;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	proc_read(buf, sizeof(buf), path);
	line = strstr(buf, "\nRssAnon:");
	return line ? atol(line + strlen("\nRssAnon:")) : -1;
}

/* What the OOM reaper would reap of a process. */
struct reapable {
	unsigned int vmas;
	/* Of the lowest, which comes last. */
	unsigned long start;
	unsigned long end;
	/* Of the highest, which comes first. */
	unsigned long top_start;
	unsigned long top_end;
	unsigned long long bytes;
};

/*
 * The VMAs that __oom_reap_task_mm() does not skip: neither hugetlb nor PFN
 * maps nor shared.  It sends one range for each, from the highest address down.
 * [vsyscall] is shown by /proc but is no VMA of the mm.
 */
static inline int proc_reapable(pid_t pid, struct reapable *reap)
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

/* The kernel log from now on. */
static inline int kmsg_open(int flags)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_CLOEXEC | flags);

	if (fd >= 0 && lseek(fd, 0, SEEK_END) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/*
 * Reads on until a record contains one of @n texts; returns which, or -1 with
 * errno (EAGAIN at the end of the log if it was opened O_NONBLOCK).  @record
 * gets the record found.
 */
static inline int kmsg_find(int fd, const char * const *texts, int n, char *record, size_t size)
{
	for (;;) {
		ssize_t len = read(fd, record, size - 1);

		if (len < 0 && errno == EPIPE)
			continue;	/* overtaken by the writer: go on */
		if (len <= 0)
			return -1;
		record[len] = '\0';
		for (int i = 0; i < n; i++)
			if (strstr(record, texts[i]))
				return i;
	}
}

#endif /* MNCK_SELFTEST_PROC_H */
