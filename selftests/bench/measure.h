/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Functions that measure what subscribers add to a munmap, in a guest whose clock counts
 * instructions.
 *
 * They print lines of a name, a number of subscribers, the least number of instructions
 * of ROUNDS rounds, and the number of callbacks in each round.  In the round with the
 * least instructions no timer has fired and no cache was refilled, so the number is the
 * same each time.  A process of its own makes each measurement, in a fresh address space.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/types.h>

#define PAGE	4096UL
#define BASE	(64UL << 30)	/* far from all other mappings */
#define ROUNDS	64
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#if defined(__x86_64__)
static inline __u64 now(void)
{
	__u32 low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high) :: "memory");
	return (__u64)high << 32 | low;
}

static inline double instructions(__u64 ticks)
{
	return ticks;
}
#elif defined(__aarch64__)
static inline __u64 now(void)
{
	__u64 ticks;

	asm volatile("isb; mrs %0, cntvct_el0" : "=r"(ticks) :: "memory");
	return ticks;
}

/* QEMU's clock runs at one instruction a nanosecond, the counter at cntfrq_el0. */
static inline double instructions(__u64 ticks)
{
	__u64 frequency;

	asm("mrs %0, cntfrq_el0" : "=r"(frequency));
	return ticks * (1e9 / frequency);
}
#endif

/* Not a macro, since a macro would evaluate its arguments twice. */
static inline __u64 least(__u64 a, __u64 b)
{
	return a < b ? a : b;
}

/* Maps and touches a page. */
static inline void map(char *at)
{
	if (mmap(at, PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != at)
		err(1, "mmap");
	*(volatile char *)at = 1;
}

/* Returns the least ticks of unmapping a touched page. */
static inline __u64 munmap_at(char *at)
{
	__u64 ticks = ~0ULL;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		__u64 start;

		map(at);
		start = now();
		if (munmap(at, PAGE))
			err(1, "munmap");
		ticks = least(ticks, now() - start);
	}
	return ticks;
}

/* Prints a line of the results, for @events events in each round. */
static inline void print(const char *name, const char *what, unsigned long count, __u64 ticks,
			 unsigned long events, long calls)
{
	printf("%s%s %lu %.3f %.3f\n", name, what, count, instructions(ticks) / events,
	       (double)calls / ROUNDS / events);
}

/* Calls @measure in a child, and fails if that fails. */
static inline void in_child(void (*measure)(const char *name, unsigned int kind,
					    unsigned long count),
			    const char *name, unsigned int kind, unsigned long count)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		measure(name, kind, count);
		exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || status)
		errx(1, "the measurement of %s, %lu, has failed", name, count);
}

#endif /* BENCH_MEASURE_H */
