/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * /dev/mnck: the mistakes of faulty drivers, and the callbacks that make them.
 */
#ifndef MNCK_FAULTS_H
#define MNCK_FAULTS_H

/*
 * What a faulty driver does wrong.  mnck calls the driver and passes on to the core only
 * results that the rules allow: see Documentation/checks.md.  Some of these drivers sleep
 * where they must not, or take locks in the wrong order, so they are only for tests: see
 * MNCK_KIND_FAULTY.
 */
enum mnck_fault {
	/* No mistake: it has a start and an end, and neither fails nor sleeps. */
	MNCK_FAULT_NONE = 0,
	/* No mistake: it has no end, and refuses each non-blockable range. */
	MNCK_FAULT_REFUSES,
	/* It has no end, and refuses every range.  Breaks rule failure. */
	MNCK_FAULT_EAGAIN,
	/* It has no end, and its start fails with -EINVAL.  Breaks rule failure. */
	MNCK_FAULT_EINVAL,
	/* It has an end, and refuses each non-blockable range.  Breaks rule failing-end. */
	MNCK_FAULT_FAILING_END,
	/*
	 * It calls msleep() in each range.  Breaks rule non-block in a non-blockable
	 * range.  Like the next seven, it has a start and an end.
	 */
	MNCK_FAULT_MSLEEP,
	/* It calls schedule() in each range.  Breaks rule non-block. */
	MNCK_FAULT_SCHEDULE,
	/*
	 * It takes a mutex that another task holds, if the range is non-blockable.
	 * Breaks rule non-block.
	 */
	MNCK_FAULT_MUTEX,
	/*
	 * It takes a mutex that is free, so it does not sleep, but might.  Breaks rule
	 * non-block, which mnck sees only with its module parameter "probes".
	 */
	MNCK_FAULT_MUTEX_FREE,
	/*
	 * It allocates with GFP_KERNEL in each range.  Breaks rule reclaim, which mnck
	 * sees only with its module parameter "probes".
	 */
	MNCK_FAULT_GFP_KERNEL,
	/*
	 * It calls schedule() in the state TASK_RUNNING in each range, so it does not
	 * sleep.  Breaks rule non-block, which mnck sees only with its module parameter
	 * "probes".
	 */
	MNCK_FAULT_YIELD,
	/*
	 * No mistake: it takes a spin lock in each range.  On a PREEMPT_RT kernel another
	 * task holds the lock, and the driver's task leaves its CPU until the lock is free.
	 */
	MNCK_FAULT_SPIN_LOCK,
	/* No mistake: another task preempts it in each range. */
	MNCK_FAULT_PREEMPTED,
	/*
	 * Like FAILING_END, but its end does nothing for a non-blockable range.  In a
	 * chain with MNCK_POLICY_ALL it therefore breaks no rule, while FAILING_END
	 * breaks rule pairing.
	 */
	MNCK_FAULT_TOLERANT,
	/*
	 * One driver with two callbacks, attached in two places: its interval
	 * callback takes a mutex, and its release allocates memory with the mutex
	 * held.  Breaks rule lock-order.
	 */
	MNCK_FAULT_LOCK_RECLAIM,
	/* The same, but the release takes the mmap lock with the mutex held. */
	MNCK_FAULT_LOCK_MMAP,
	/* No mistake: its release allocates and takes the mmap lock before the mutex. */
	MNCK_FAULT_LOCK_LAST,
	/* It has no end, and its start oopses in each range: the task dies in it. */
	MNCK_FAULT_OOPS,
};

/* The callback of a faulty driver that makes the mistake. */
enum mnck_place {
	/* The start: for all but LOCK_*. */
	MNCK_IN_START = 0,
	/* The end: for MSLEEP to PREEMPTED. */
	MNCK_IN_END,
	/*
	 * The callback of an interval notifier: for MSLEEP to PREEMPTED, LOCK_*,
	 * EAGAIN and NONE.  The driver is then attached to a range, like a mirror.
	 */
	MNCK_IN_INTERVAL,
	/* The release: for LOCK_*. */
	MNCK_IN_RELEASE,
};

#endif /* MNCK_FAULTS_H */
