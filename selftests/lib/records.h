/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The files of MNCK_WATCH, and the records that are read from them.
 *
 * Functions that return int return 0, or -1 and errno, unless they say otherwise.
 */
#ifndef MNCK_SELFTEST_RECORDS_H
#define MNCK_SELFTEST_RECORDS_H

#include <stdbool.h>

#include "device.h"

/* A record of any type. */
union record {
	struct {
		__u32 size;
		__u32 type;
	};
	struct mnck_record_event event;
	struct mnck_record_callback callback;
	struct mnck_record_unseen unseen;
	char bytes[MNCK_RECORD_MAX];
};

/* Makes the call on @fd as @how says, with its size; returns the file, or -1. */
int watch_how(int fd, struct mnck_watch how);

/* Watches a process and its children, as the caller; returns the file, or -1. */
int watch_process(pid_t pid);

/* Reads one record, and waits for it unless the file is O_NONBLOCK. */
int record_read(int watch, union record *record);

/* Returns whether there is a record to read. */
bool record_is_ready(int watch);

/* Makes the file O_NONBLOCK. */
int watch_never_waits(int watch);

/*
 * Reads records until there is one of the violation of @rule, or of any other @type, of a
 * driver.
 */
int record_find(int watch, enum mnck_record_type type, enum mnck_rule rule, const char *driver,
		struct mnck_record_event *event);

/*
 * Asks for the summary, and reads it to its end; fills in the callback of this name, or
 * zeroes, and what was not seen.
 */
int summary_read(int watch, const char *name, struct mnck_record_callback *callback,
		 struct mnck_record_unseen *unseen);

/* Returns whether nothing was missed. */
bool saw_all(const struct mnck_record_unseen *unseen);

#endif /* MNCK_SELFTEST_RECORDS_H */
