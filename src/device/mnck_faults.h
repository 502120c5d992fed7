/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * /dev/mnck: which mistake a faulty driver makes, and where.
 */
#ifndef MNCK_FAULTS_H
#define MNCK_FAULTS_H

/*
 * What a faulty driver does wrong.  Whatever it does, the core sees no more of it
 * than it may; see each rule.
 */
enum mnck_fault {
	/* Nothing: it has a start and an end, and neither fails nor sleeps. */
	MNCK_FAULT_NONE = 0,
	/* Nothing: it has no end, and refuses each non-blockable range. */
	MNCK_FAULT_REFUSES,
	/* It has no end, and refuses each range.  Rule failure. */
	MNCK_FAULT_EAGAIN,
	/* It has no end, and fails with -EINVAL.  Rule failure. */
	MNCK_FAULT_EINVAL,
	/* It has an end, and refuses each non-blockable range.  Rule failing-end. */
	MNCK_FAULT_FAILING_END,
	/* It sleeps in each range.  Rule non-block, with a start and an end. */
	MNCK_FAULT_MSLEEP,
	MNCK_FAULT_SCHEDULE,
	/* It takes a mutex that somebody has, if the range is non-blockable. */
	MNCK_FAULT_MUTEX,
	/* It takes a mutex that is free, and so does not sleep this time. */
	MNCK_FAULT_MUTEX_FREE,
	/* It allocates memory, of which there is enough. */
	MNCK_FAULT_GFP_KERNEL,
	/*
	 * As FAILING_END, but its end does nothing for a non-blockable range.  So
	 * it breaks no rule in a chain with MNCK_POLICY_ALL, where FAILING_END
	 * breaks rule pairing.
	 */
	MNCK_FAULT_TOLERANT,
	/*
	 * In two places, for one driver: its interval's callback takes a mutex,
	 * under which its release allocates memory.  Rule lock-order.
	 */
	MNCK_FAULT_LOCK_RECLAIM,
	/* Or takes the mmap lock. */
	MNCK_FAULT_LOCK_MMAP,
	/* Nothing: its release does both of these, before it takes the mutex. */
	MNCK_FAULT_LOCK_LAST,
};

/* Which callback of a faulty driver does it. */
enum mnck_place {
	MNCK_IN_START = 0,
	/* The end: for those that sleep. */
	MNCK_IN_END,
	/*
	 * That of an interval notifier: for those that sleep, for LOCK, for EAGAIN,
	 * and for NONE.  It wants a range, as the mirror does.
	 */
	MNCK_IN_INTERVAL,
	/* The release: for LOCK. */
	MNCK_IN_RELEASE,
};

#endif /* MNCK_FAULTS_H */
