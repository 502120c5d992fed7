/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel log.
 */
#ifndef MNCK_SELFTEST_KMSG_H
#define MNCK_SELFTEST_KMSG_H

#include <stddef.h>

/* Opens the kernel log at its end.  @flags: O_NONBLOCK or 0. */
int kmsg_open(int flags);

/*
 * Reads on until a record contains one of @n texts, and copies that record to @record.
 * Returns the index of the text; or -1 and errno, which is EAGAIN at the end of a log
 * that was opened with O_NONBLOCK.
 */
int kmsg_find(int fd, const char * const *texts, int n, char *record, size_t size);

/*
 * The module has logged nothing since kmsg_open(): an unprivileged caller must not be
 * able to fill the kernel log.
 */
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
