/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Measuring what subscribers add to a munmap, in a guest whose clock counts
 * instructions.
 *
 * Prints lines of a name, a number of subscribers, the least number of
 * instructions of many rounds, and how many callbacks there were in each.  The
 * least is that of a round in which no timer fired and no cache was refilled,
 * and so the same in each run.  Each measurement is made by a process of its
 * own, so that none finds an address space that another has left.
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
#define BASE	(64UL << 30)	/* nothing else is near */
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

/* One instruction is a nanosecond. */
static inline double instructions(__u64 ticks)
{
	__u64 frequency;

	asm("mrs %0, cntfrq_el0" : "=r"(frequency));
	return ticks * (1e9 / frequency);
}
#endif

/* Not a macro: what is measured is done once. */
static inline __u64 least(__u64 a, __u64 b)
{
	return a < b ? a : b;
}

static inline void map(char *at)
{
	if (mmap(at, PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != at)
		err(1, "mmap");
	*(volatile char *)at = 1;
}

/* The ticks of a munmap of a touched page. */
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

static inline void print(const char *name, const char *what, unsigned long count, __u64 ticks,
			 unsigned long events, long calls)
{
	printf("%s%s %lu %.3f %.3f\n", name, what, count, instructions(ticks) / events,
	       (double)calls / ROUNDS / events);
}

static inline void in_child(void (*measure)(const char *name, unsigned int flavour,
					    unsigned long count),
			    const char *name, unsigned int flavour, unsigned long count)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		measure(name, flavour, count);
		exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || status)
		errx(1, "the measurement of %s, %lu, has failed", name, count);
}

#endif /* BENCH_MEASURE_H */
