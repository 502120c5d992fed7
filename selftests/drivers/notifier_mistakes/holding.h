/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The work items of the kernel's unbound workqueue, held back.
 */
#ifndef NOTIFIER_MISTAKES_HOLDING_H
#define NOTIFIER_MISTAKES_HOLDING_H

struct file;

/* Holds back the items that are queued from here on, for @file.  Sleeps until none runs. */
int hold_work(struct file *file);
/* Lets them go, if @file holds them back. */
void let_work_go(struct file *file);

#endif /* NOTIFIER_MISTAKES_HOLDING_H */
