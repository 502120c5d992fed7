/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The monotonic clock, in nanoseconds.
 */
#ifndef MNCK_SELFTEST_CLOCK_H
#define MNCK_SELFTEST_CLOCK_H

#include <time.h>

static inline long long now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

#endif /* MNCK_SELFTEST_CLOCK_H */
