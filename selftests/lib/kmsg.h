/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Callers must not be able to write to the kernel log.
 */
#ifndef MNCK_SELFTEST_KMSG_H
#define MNCK_SELFTEST_KMSG_H

#include "mnck_harness.h"
#include "proc.h"

/* Nothing that the module says was said since kmsg_open(). */
#define EXPECT_NOTHING_LOGGED(_kmsg)                                              \
	do {                                                                      \
		static const char * const mnck_[] = { "mnck" };                   \
		char record_[4096];                                               \
		int found_ = kmsg_find(_kmsg, mnck_, 1, record_, sizeof(record_)); \
											\
		EXPECT_EQ(-1, found_)                                             \
			TH_LOG("logged: %s", record_);                            \
	} while (0)

#endif /* MNCK_SELFTEST_KMSG_H */
