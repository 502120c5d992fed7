// SPDX-License-Identifier: GPL-2.0
/*
 * Holds back the work items of the kernel's unbound workqueue, as on a machine that is busy.
 */
#include <linux/completion.h>
#include <linux/workqueue.h>

#include "holding.h"

static DECLARE_COMPLETION(is_held);
static DECLARE_COMPLETION(may_go);
/* The file that holds them back. */
static struct file *holder;

static void hold(struct work_struct *work)
{
	complete(&is_held);
	wait_for_completion(&may_go);
}

static DECLARE_WORK(holding, hold);

int hold_work(struct file *file)
{
	if (cmpxchg(&holder, NULL, file))
		return -EBUSY;
	reinit_completion(&is_held);
	reinit_completion(&may_go);
	/* One item runs at a time.  Those that run already end first. */
	workqueue_set_max_active(system_dfl_wq, 1);
	queue_work(system_dfl_wq, &holding);
	wait_for_completion(&is_held);
	return 0;
}

void let_work_go(struct file *file)
{
	if (READ_ONCE(holder) != file)
		return;
	complete(&may_go);
	flush_work(&holding);
	/* As workqueue_init_early() makes it. */
	workqueue_set_max_active(system_dfl_wq, WQ_MAX_ACTIVE);
	WRITE_ONCE(holder, NULL);
}
