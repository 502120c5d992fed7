/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What /proc shows of a process from outside.
 */
#ifndef MNCK_SELFTEST_PROC_H
#define MNCK_SELFTEST_PROC_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Returns the scheduler state of a thread: 'R' runs or could run, 'S' and 'D' sleep,
 * 'Z' is a zombie; 0 if there is no such thread.
 */
char proc_state(pid_t pid, pid_t tid);

bool proc_sleeps(pid_t pid, pid_t tid);

/* Returns whether the thread's kernel stack has a function whose name contains @function. */
bool proc_stack_has(pid_t pid, pid_t tid, const char *function);

/* Returns whether the thread sleeps in a kernel function whose name contains @function. */
bool proc_sleeps_in(pid_t pid, pid_t tid, const char *function);

/* Returns the private anonymous memory in kB, exact over all CPUs; -1 if there is no mm. */
long proc_rss_anon(pid_t pid);

/*
 * Returns the pid of the kernel thread of this name, or -1.
 *
 * In a trace a thread may still lack its name ("<...>"), because the kernel records it
 * only when the thread sleeps next: look for the pid.
 */
pid_t kernel_thread(const char *name);

/* What the OOM reaper would reap of a process. */
struct reapable {
	unsigned int vmas;
	/* The lowest VMA, which is reaped last. */
	unsigned long start;
	unsigned long end;
	/* The highest VMA, which is reaped first. */
	unsigned long top_start;
	unsigned long top_end;
	unsigned long long bytes;
};

/*
 * Finds the VMAs that __oom_reap_task_mm() does not skip: those that are neither
 * hugetlb nor PFN maps nor shared.  It begins one range for each VMA, from the highest
 * address down.  /proc shows [vsyscall], which is no VMA of the mm.
 *
 * Returns 0, or -1 if there is no such VMA.
 */
int proc_reapable(pid_t pid, struct reapable *reap);

#endif /* MNCK_SELFTEST_PROC_H */
