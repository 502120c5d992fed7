/* SPDX-License-Identifier: GPL-2.0 */
/*
 * CPUs that a test may use, and binding threads to one of them.
 */
#ifndef MNCK_SELFTEST_CPUS_H
#define MNCK_SELFTEST_CPUS_H

#include <pthread.h>
#include <sched.h>

/* Finds up to @max CPUs that this process may use; returns their number, or -1. */
static inline int cpus_allowed(int *cpus, int max)
{
	cpu_set_t all;
	int n = 0;

	if (sched_getaffinity(0, sizeof(all), &all))
		return -1;
	for (int cpu = 0; cpu < CPU_SETSIZE && n < max; cpu++)
		if (CPU_ISSET(cpu, &all))
			cpus[n++] = cpu;
	return n;
}

static inline cpu_set_t cpu_set_of(int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	return one;
}

/* Binds threads that are created with @attr to @cpu. */
static inline int cpu_bind_attr(pthread_attr_t *attr, int cpu)
{
	cpu_set_t one = cpu_set_of(cpu);

	return pthread_attr_setaffinity_np(attr, sizeof(one), &one);
}

#endif /* MNCK_SELFTEST_CPUS_H */
