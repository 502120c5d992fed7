/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * /dev/mnck: subscribe to the MMU notifiers of a process.
 *
 * One open file is one session.  Subscribers belong to the session, not to the
 * process that opened it, and the last close detaches them all, one by one.
 *
 * Every argument begins with its own size, and may grow: bytes that the kernel
 * does not know must be zero, or the call fails with E2BIG; members that the
 * caller does not know are taken as zero and not written back.  The size comes
 * back as it was.  The layout is the same for 32-bit callers.
 *
 * Errors of all calls:
 *	EFAULT	the argument cannot be read or written
 *	EINVAL	size is less than the call's minimum, which is that of the
 *		first version unless the call says less; or a reserved member
 *		or a flag is set
 *	E2BIG	size is more than a page, or an unknown byte is not zero
 *	ENOTTY	no such call
 *	EINTR	a signal came before anything was done
 *	ENOENT	the session has no subscriber of this id
 */
#ifndef MNCK_UAPI_H
#define MNCK_UAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>

enum {
	MNCK_IOCTL_TYPE = 0xb7,
	MNCK_CMD_ATTACH = 0,
	MNCK_CMD_DETACH,
	MNCK_CMD_STATS,
	MNCK_CMD_LOCK,
};

/* What a subscriber models. */
enum mnck_kind {
	/* KVM: counts starts and ends, never fails. */
	MNCK_KIND_COUNTER = 0,
	/*
	 * RDMA ODP: each start takes the subscriber's lock.  Where the range is
	 * non-blockable and the lock is taken, it refuses with -EAGAIN.  It has
	 * no end.
	 */
	MNCK_KIND_TRYLOCK = 1,
};

/*
 * MNCK_ATTACH: register a subscriber with the mm of a process.
 *
 * @pid: a thread of the process, in the caller's pid namespace; 0 for the caller
 * @kind: enum mnck_kind
 * @flags: none yet, must be 0
 * @id: returned; never used again in this session
 *
 * A process with another mm than the caller's needs CAP_SYS_PTRACE in the initial
 * user namespace.  A child that the process forks is not subscribed; nor is the
 * program that it execs.
 *
 *	ESRCH	no such thread, or it is exiting
 *	EINVAL	the process is a kernel thread; or unknown kind
 *	EPERM	another mm, without CAP_SYS_PTRACE
 *	ENOSPC	the session has max_subscribers (a module parameter) already
 *	ENOMEM	out of memory
 */
struct mnck_attach {
	__u32 size;
	__s32 pid;
	__u32 kind;
	__u32 flags;
	__aligned_u64 id;
};

#define MNCK_ATTACH _IO(MNCK_IOCTL_TYPE, MNCK_CMD_ATTACH)

#define MNCK_EVENTS 16

/* Indices into mnck_stats.events: enum mmu_notifier_event, with room for more. */
enum mnck_event {
	MNCK_EVENT_UNMAP = 0,
	MNCK_EVENT_CLEAR,
	MNCK_EVENT_PROTECTION_VMA,
	MNCK_EVENT_PROTECTION_PAGE,
	MNCK_EVENT_SOFT_DIRTY,
	MNCK_EVENT_RELEASE,
	MNCK_EVENT_MIGRATE,
	MNCK_EVENT_EXCLUSIVE,
	/* An event that this version of mnck does not know. */
	MNCK_EVENT_UNKNOWN = MNCK_EVENTS - 1,
};

/* mnck_stats.last_flags */
enum {
	/* The callbacks of the range may sleep. */
	MNCK_RANGE_BLOCKABLE = 1 << 0,
};

/*
 * MNCK_STATS: the statistics of subscriber @id at one moment.
 * MNCK_DETACH: unregister subscriber @id, and its final statistics.  When it
 *	returns no callback runs any more and none will.  With EFAULT on the
 *	way out the subscriber is detached all the same.
 *
 * The minimum size ends behind @id, for a caller without use for the rest.
 *
 * A start that refused is counted in @starts and in @refusals.  A start that
 * waits for a trylock's lock is counted when it has it.  So at all times
 *
 *	counter: starts == ends + open + closed_by_detach
 *	trylock: ends == 0, open == 0, closed_by_detach == 0
 *
 * @flags: none yet, must be 0
 * @starts: calls of the start callback
 * @ends: calls of the end callback
 * @refusals: starts that failed with -EAGAIN
 * @open: pairs begun and not ended
 * @closed_by_detach: pairs without an end when the subscription ended, by
 *	MNCK_DETACH or because the mm was released.  A few of their ends may
 *	come still, until the detach or the exit is through, and are then
 *	counted as such
 * @releases: calls of the release callback: not 0 once the mm was released, by
 *	exit, exec or MNCK_DETACH; more than 1 if some of these came at once
 * @non_blockable: starts of a non-blockable range
 * @events: starts by event
 * @last_start, @last_end: the range of the last start, bytes, half open
 * @last_event: its enum mnck_event
 * @last_flags: MNCK_RANGE_BLOCKABLE
 * @bytes: sum of last_end - last_start over all starts, modulo 2^64
 */
struct mnck_stats {
	__u32 size;
	__u32 flags;
	__aligned_u64 id;
	__aligned_u64 starts;
	__aligned_u64 ends;
	__aligned_u64 refusals;
	__aligned_u64 open;
	__aligned_u64 closed_by_detach;
	__aligned_u64 releases;
	__aligned_u64 non_blockable;
	__aligned_u64 events[MNCK_EVENTS];
	__aligned_u64 last_start;
	__aligned_u64 last_end;
	__u32 last_event;
	__u32 last_flags;
	__aligned_u64 bytes;
};

#define MNCK_STATS _IO(MNCK_IOCTL_TYPE, MNCK_CMD_STATS)
#define MNCK_DETACH _IO(MNCK_IOCTL_TYPE, MNCK_CMD_DETACH)

enum mnck_lock_op {
	MNCK_LOCK_RELEASE = 0,
	MNCK_LOCK_HOLD = 1,
};

/*
 * MNCK_LOCK: hold or release the lock of a trylock subscriber.
 *
 * @id: the subscriber
 * @op: enum mnck_lock_op
 * @flags: none yet, must be 0
 *
 * The session holds the lock, not the caller: any user of the file may release
 * it, and detach releases it.  Hold waits for a start that has the lock at that
 * moment.
 *
 * While the lock is held a blockable invalidation of the mm waits in the
 * subscriber's start, as it would for a driver's mutex: until the lock is
 * released, the invalidating task is killed, or 10 seconds have passed.  With it
 * waits whoever needs the locks of mm that the invalidating task has, MNCK_ATTACH
 * among them; and since the core waits for all callbacks of all mms, so does
 * every unregister in the system, MNCK_DETACH and the last close of a session
 * among them.
 *
 *	EINVAL	the subscriber is not a trylock; or unknown op
 *	EBUSY	hold: the session holds the lock already
 *	ENOLCK	release: the session does not hold the lock
 */
struct mnck_lock {
	__u32 size;
	__u32 flags;
	__aligned_u64 id;
	__u32 op;
	__u32 reserved;
};

#define MNCK_LOCK _IO(MNCK_IOCTL_TYPE, MNCK_CMD_LOCK)

#endif /* MNCK_UAPI_H */
