/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Calls of a device whose mutex is also taken by each start of its driver.
 */
#ifndef NOTIFIER_MISTAKES_KEEPING_H
#define NOTIFIER_MISTAKES_KEEPING_H

struct file;

/* A call of the device of "unlocks_mutex". */
void call_that_unlocks(void);

/* A call of the device of "keeps_mutex": keeps its mutex, for the calling task and @file. */
void call_that_keeps(struct file *file);
/* Unlocks the mutex that a call with @file has kept, if there is one, in the same task. */
void unlock_kept(struct file *file);

#endif /* NOTIFIER_MISTAKES_KEEPING_H */
