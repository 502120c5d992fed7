/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A victim: a process that subscribers are attached to from outside, and that
 * does to its own memory what it is told and nothing else.
 *
 * Nothing it does by itself invalidates: its pages are its own (own_pages()),
 * it takes its orders from a pipe, and it answers through a pipe.  It ends with
 * its parent.
 */
#ifndef MNCK_SELFTEST_VICTIM_H
#define MNCK_SELFTEST_VICTIM_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mnck_utils.h"

/* Each victim has touched private anonymous memory here. */
#define VICTIM_AREA ((char *)0x100000000UL)

enum victim_op {
	VICTIM_MUNMAP,		/* munmap(addr, len) */
	VICTIM_DONTNEED,	/* madvise(addr, len, MADV_DONTNEED) */
	VICTIM_MAP_TOUCH,	/* map len bytes at addr and write to each page */
	VICTIM_FORK,		/* fork; from here on the child takes the orders */
	VICTIM_EXEC,		/* exec a new victim, which answers with its own area */
	VICTIM_EXIT,		/* _exit(0) */
};

struct victim_order {
	long op;
	void *addr;
	size_t len;
};

struct victim {
	pid_t pid;
	int pidfd;
	int orders;
	int answers;
};

static inline void victim_answer(long result)
{
	if (write(STDOUT_FILENO, &result, sizeof(result)) != sizeof(result))
		_exit(1);
}

static inline long victim_map(void *addr, size_t len)
{
	void *p = mmap(addr, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	return p == MAP_FAILED ? errno : 0;
}

static inline long victim_map_touch(void *addr, size_t len)
{
	long error = victim_map(addr, len);

	if (!error)
		memset(addr, 1, len);
	return error;
}

/* The child has its parent's orders; the parent does nothing any more. */
static inline long victim_fork(void)
{
	pid_t pid = fork();

	if (pid < 0)
		return errno;
	if (pid)
		for (;;)
			pause();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	return 0;
}

/* The main of a victim: orders come on stdin, answers go to stdout. */
static inline void victim_main(size_t len)
{
	struct victim_order order;
	char arg[32];
	long result;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	result = small_pages() ? errno : victim_map_touch(VICTIM_AREA, len);
	if (!result && own_pages())
		result = errno;
	victim_answer(result);

	while (read(STDIN_FILENO, &order, sizeof(order)) == sizeof(order)) {
		switch (order.op) {
		case VICTIM_MUNMAP:
			victim_answer(munmap(order.addr, order.len) ? errno : 0);
			break;
		case VICTIM_DONTNEED:
			victim_answer(madvise(order.addr, order.len, MADV_DONTNEED) ? errno : 0);
			break;
		case VICTIM_MAP_TOUCH:
			victim_answer(victim_map_touch(order.addr, order.len));
			break;
		case VICTIM_FORK:
			victim_answer(victim_fork());
			break;
		case VICTIM_EXEC:
			snprintf(arg, sizeof(arg), "%zu", len);
			execl("/proc/self/exe", "victim", "--victim", arg, NULL);
			victim_answer(errno);
			break;
		case VICTIM_EXIT:
			_exit(0);
		}
	}
	_exit(0);
}

/* First in main() of a program whose victims exec. */
static inline void victim_exec_main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--victim"))
		victim_main(strtoul(argv[2], NULL, 10));
}

static inline int victim_send(const struct victim *v, enum victim_op op, void *addr, size_t len)
{
	struct victim_order order = { .op = op, .addr = addr, .len = len };

	return write(v->orders, &order, sizeof(order)) == sizeof(order) ? 0 : -1;
}

/* The answer to the last order: 0, an errno, or -1 if the victim is gone. */
static inline long victim_wait(const struct victim *v)
{
	long result;

	return read(v->answers, &result, sizeof(result)) == sizeof(result) ? result : -1;
}

static inline long victim_do(const struct victim *v, enum victim_op op, void *addr, size_t len)
{
	return victim_send(v, op, addr, len) ? -1 : victim_wait(v);
}

/* Starts a victim with @len bytes of touched memory at VICTIM_AREA. */
static inline int victim_start(struct victim *v, size_t len)
{
	int orders[2], answers[2];

	if (pipe2(orders, O_CLOEXEC) || pipe2(answers, O_CLOEXEC))
		return -1;
	v->pid = fork();
	if (v->pid < 0)
		return -1;
	if (!v->pid) {
		dup2(orders[0], STDIN_FILENO);
		dup2(answers[1], STDOUT_FILENO);
		/* Above all the open sessions, which would not end with the test. */
		close_range(STDERR_FILENO + 1, ~0U, 0);
		victim_main(len);
	}
	close(orders[0]);
	close(answers[1]);
	v->orders = orders[1];
	v->answers = answers[0];
	v->pidfd = syscall(SYS_pidfd_open, v->pid, 0);
	return v->pidfd < 0 || victim_wait(v) ? -1 : 0;
}

/* From now on the victim stops in exit, while it still has its mm. */
static inline int victim_trace_exit(const struct victim *v)
{
	return ptrace(PTRACE_SEIZE, v->pid, NULL, PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL);
}

/* Waits for that stop. */
static inline int victim_wait_exit_stop(const struct victim *v)
{
	int status;

	if (waitpid(v->pid, &status, 0) != v->pid)
		return -1;
	return status >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8) ? 0 : -1;
}

/* Kills a victim that is so traced; returns when it has stopped. */
static inline int victim_doom(const struct victim *v)
{
	return kill(v->pid, SIGKILL) || victim_wait_exit_stop(v) ? -1 : 0;
}

/* Reap the memory of a dying process as the OOM killer does, and now. */
static inline int victim_mrelease(const struct victim *v)
{
	return syscall(SYS_process_mrelease, v->pidfd, 0);
}

/* Waits for the end of the victim; returns its wait status, or -1. */
static inline int victim_join(struct victim *v)
{
	int status;

	/* If it has stopped in exit, and then again if it stops there now. */
	do {
		ptrace(PTRACE_CONT, v->pid, NULL, 0);
		if (waitpid(v->pid, &status, 0) != v->pid)
			return -1;
	} while (WIFSTOPPED(status));

	close(v->pidfd);
	close(v->orders);
	close(v->answers);
	v->pid = 0;
	return status;
}

/* Does nothing to a victim that has been joined or never was. */
static inline int victim_kill(struct victim *v)
{
	if (v->pid <= 0)
		return 0;
	kill(v->pid, SIGKILL);
	return victim_join(v);
}

#endif /* MNCK_SELFTEST_VICTIM_H */
