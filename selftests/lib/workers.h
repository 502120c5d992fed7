/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A process of many threads, which execute orders that change the memory of the process.
 * Any thread that is free takes the next order.
 *
 * Functions that return int return 0 or -1.
 */
#ifndef MNCK_SELFTEST_WORKERS_H
#define MNCK_SELFTEST_WORKERS_H

#include <sys/types.h>

#include <linux/types.h>

#define WORKERS_MAX 128

struct workers {
	pid_t pid;
	int orders;
	int answers;
};

/*
 * Starts a process with this many threads.  @work does the work of thread @number and
 * returns 0; it runs once for each thread, with order 0, before this returns.
 */
int workers_start(struct workers *workers, int threads, int (*work)(int number, __u32 order));

int workers_send(const struct workers *workers, const __u32 *orders, int n);

/* Waits for @n answers; fails if a worker's work failed. */
int workers_wait(const struct workers *workers, int n);

/* Kills the process; does nothing if there is none. */
void workers_kill(const struct workers *workers);

#endif /* MNCK_SELFTEST_WORKERS_H */
