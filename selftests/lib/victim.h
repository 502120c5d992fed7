/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A victim: a process to which a test attaches subscribers from outside, and which does
 * nothing to its own memory but what the test orders.
 *
 * A victim causes no other invalidation: its pages are its own (own_pages()).  It receives
 * orders through one pipe and answers through another.  It dies with its parent.
 *
 * Functions that return int return 0, or -1 and errno, unless they say otherwise.
 */
#ifndef MNCK_SELFTEST_VICTIM_H
#define MNCK_SELFTEST_VICTIM_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Each victim has touched private anonymous memory here. */
#define VICTIM_AREA ((char *)0x100000000UL)

enum victim_op {
	VICTIM_MUNMAP,		/* munmap(addr, len) */
	VICTIM_DONTNEED,	/* madvise(addr, len, MADV_DONTNEED) */
	VICTIM_MAP_TOUCH,	/* map len bytes at addr and write to each page */
	VICTIM_DRIVER,		/* write a line to /dev/notifier_mistakes: victim_driver() */
	VICTIM_FORK,		/* fork; from here on the child executes the orders */
	VICTIM_EXEC,		/* exec a new victim, which answers with its own area */
	VICTIM_EXIT,		/* _exit(0) */
};

struct victim {
	pid_t pid;
	int pidfd;
	int orders;
	int answers;
};

/* main() of a program whose victims exec calls this first. */
void victim_exec_main(int argc, char **argv);

/* Starts a victim with @len bytes of touched memory at VICTIM_AREA. */
int victim_start(struct victim *v, size_t len);

/* One order, as the victim reads it from its standard input. */
struct victim_order {
	long op;
	void *addr;
	size_t len;
};

/*
 * Starts a victim that executes @run, which calls victim_answer() when it is ready, and
 * then for each order that it has executed.
 */
int victim_start_as(struct victim *v, void (*run)(size_t len), size_t len);

/* In the victim: writes the answer to an order. */
void victim_answer(long result);

int victim_send(const struct victim *v, int op, void *addr, size_t len);

/* Returns the answer to the last order: 0, an errno, or -1 if the victim is gone. */
long victim_wait(const struct victim *v);

/* Sends an order, and returns the answer. */
long victim_do(const struct victim *v, int op, void *addr, size_t len);

/*
 * Has the victim write a line to /dev/notifier_mistakes, which it keeps open: see
 * drivers/notifier_mistakes/device.c.  Returns the answer.
 */
long victim_driver(const struct victim *v, const char *line);

/* The same without the answer, for victim_wait(). */
int victim_driver_send(const struct victim *v, const char *line);

/* From now on the victim stops in exit, while it still has its mm. */
int victim_trace_exit(const struct victim *v);

/* Waits until the victim has stopped in exit. */
int victim_wait_exit_stop(const struct victim *v);

/* Kills a victim that victim_trace_exit() traces; returns when it has stopped. */
int victim_doom(const struct victim *v);

/* Reaps the memory of a dying process at once, as the OOM killer would. */
int victim_mrelease(const struct victim *v);

/* Waits for the end of the victim.  Returns its wait status, or -1. */
int victim_join(struct victim *v);

/* The same after a SIGKILL; does nothing if there is no victim. */
int victim_kill(struct victim *v);

#endif /* MNCK_SELFTEST_VICTIM_H */
