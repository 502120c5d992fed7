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

#include "mnck_faults.h"

enum {
	MNCK_IOCTL_TYPE = 0xb7,
	MNCK_CMD_ATTACH = 0,
	MNCK_CMD_DETACH,
	MNCK_CMD_STATS,
	MNCK_CMD_LOCK,
	MNCK_CMD_MIRROR,
	MNCK_CMD_TOUCH,
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
	/*
	 * HMM: an interval notifier with a shadow page table, see MNCK_MIRROR.
	 * Its lock is a mutex: where the range is non-blockable and the lock is
	 * taken, it refuses.
	 */
	MNCK_KIND_MIRROR = 2,
	/*
	 * xe userptr: an interval notifier that begins in one pass and finishes
	 * in another.  Its lock is a spin lock, and it never refuses.
	 */
	MNCK_KIND_TWO_PASS = 3,
	/* IOMMU SVA: flushes of the secondary TLB, and no start or end. */
	MNCK_KIND_SECONDARY_TLB = 4,
	/* KVM's young callbacks: which pages the device has used, see MNCK_TOUCH. */
	MNCK_KIND_AGING = 5,
	/*
	 * amdkfd: one subscriber for each mm, shared by all that attach one.  It
	 * counts as a counter does.
	 */
	MNCK_KIND_SHARED = 6,
	/*
	 * Other subscribers, attached with MNCK_ATTACH_IN_CHAIN: a chain of them
	 * of which each may refuse and has an end.  Started in the order in which
	 * they were attached, and ended in the reverse order.  Its own statistics
	 * are those of a counter that is its first member.
	 */
	MNCK_KIND_CHAIN = 7,
	/*
	 * A driver in C that breaks a rule, or none, with the checks between it
	 * and the core, see enum mnck_fault.
	 */
	MNCK_KIND_FAULTY = 8,
};

/* Who is ended when a member of a chain refuses a range. */
enum mnck_policy {
	/* Exactly those that had started, the last first. */
	MNCK_POLICY_EXACT = 0,
	/* Nobody, as from 2018 to 2021; for demonstration. */
	MNCK_POLICY_SKIP = 1,
	/*
	 * Everybody, when everybody was started, as in an RFC of 2019; for
	 * demonstration.  Who has refused gets an end too if it is a faulty driver;
	 * the others have none without a start.
	 */
	MNCK_POLICY_ALL = 2,
};

/* mnck_attach.flags */
enum {
	/* Take the mmap lock, and register under it. */
	MNCK_ATTACH_LOCKED = 1 << 0,
	/*
	 * Attach to a chain: a counter, a trylock, which then has an end, or a
	 * faulty driver, which then may refuse though it has one.
	 */
	MNCK_ATTACH_IN_CHAIN = 1 << 1,
};

/*
 * MNCK_ATTACH: register a subscriber with the mm of a process.
 *
 * @pid: a thread of the process, in the caller's pid namespace; 0 for the caller.
 *	In a chain 0
 * @kind: enum mnck_kind
 * @flags: MNCK_ATTACH_LOCKED, which makes no difference for a chain, or
 *	MNCK_ATTACH_IN_CHAIN
 * @id: returned; never used again in this session
 * @start, @end: what a mirror, a two-pass subscriber or a faulty interval driver
 *	is told of, bytes, half open; 0 for the others
 * @chain: the id of the chain, with MNCK_ATTACH_IN_CHAIN; else 0
 * @policy: of a chain, enum mnck_policy; else 0
 * @fault: faulty: enum mnck_fault; 0 for the others
 * @place: faulty: enum mnck_place; 0 for the others
 * @reserved: must be 0
 *
 * Who is attached to a chain while ranges are open waits until these are over,
 * and is not told of them.
 *
 * A process with another mm than the caller's needs CAP_SYS_PTRACE in the initial
 * user namespace.  A child that the process forks is not subscribed; nor is the
 * program that it execs.
 *
 * Up to Linux 7.3 a trylock that refuses harms the mirrors and the two-pass
 * subscribers of its mm: the core does not end their invalidation, and their
 * detach waits for ever, unkillably.
 *
 *	ESRCH	no such thread, or it is exiting; in a chain: its mm was released
 *	EINVAL	the process is a kernel thread; unknown kind or policy; a range that
 *		is empty, not page-aligned, or not wanted by the kind; a fault that
 *		is unknown, not for the place, or not wanted by the kind; or in a
 *		chain: a kind that can't be, @chain is none, @pid is not 0
 *	ENOENT	the session has no subscriber @chain
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
	__aligned_u64 start;
	__aligned_u64 end;
	__aligned_u64 chain;
	__u32 policy;
	__u32 fault;
	__u32 place;
	__u32 reserved;
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

#define MNCK_RULES 16

/* Indices into mnck_stats.violations: Documentation/checks.md says what they mean. */
enum mnck_rule {
	MNCK_RULE_PAIRING = 0,
	MNCK_RULE_FAILURE,
	MNCK_RULE_FAILING_END,
	MNCK_RULE_NON_BLOCK,
	MNCK_RULE_LOCK_ORDER,
	MNCK_RULE_RECLAIM,
	MNCK_RULE_SEQUENCE,
	MNCK_RULE_RELEASE,
	MNCK_RULE_LIFETIME,
	MNCK_RULE_LATENCY,
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
 *	way out the subscriber is detached all the same.  A shared subscriber
 *	is unregistered with its last reference: without a release, without
 *	waiting, and freed, which the removal of the module needs, a while later.
 *
 * The minimum size ends behind @id, for a caller without use for the rest.
 *
 *	EBUSY	detach: another call on the subscriber has not returned, or it is
 *		a chain that has members
 *
 * A start that refused is counted in @starts and in @refusals.  A start that
 * waits for a trylock's lock is counted when it has it.  So at all times
 *
 *	counter: starts == ends + open + closed_by_detach
 *	trylock, mirror: ends == 0, open == 0, closed_by_detach == 0
 *	two_pass: starts == ends + open, where an end is a finish
 *	in a chain: starts == ends + open + closed_by_detach + refusals, and each
 *		that is closed was told so
 *	faulty: starts == ends + open + closed_by_detach + refusals if it has an
 *		end, where a refusal is a start that failed; else as a trylock.
 *		In a chain with MNCK_POLICY_ALL the end of what it has refused is
 *		called as well: starts == ends + open + closed_by_detach
 *
 * @flags: none yet, must be 0
 * @starts: calls of the start callback; of an interval notifier, invalidations
 * @ends: calls of the end callback; of a two-pass subscriber, finishes
 * @refusals: starts that failed with -EAGAIN
 * @open: pairs begun and not ended
 * @closed_by_detach: pairs without an end when the subscription ended, by
 *	MNCK_DETACH or because the mm was released.  A few of their ends may
 *	come still, until the detach or the exit is through, and are then
 *	counted as such
 * @releases: calls of the release callback: not 0 once the mm was released, by
 *	exit, exec or MNCK_DETACH; more than 1 if some of these came at once.  An
 *	interval notifier has none: it sees MNCK_EVENT_RELEASE at exit and exec
 * @non_blockable: starts of a non-blockable range
 * @events: starts by event
 * @last_start, @last_end: the range of the last start, bytes, half open
 * @last_event: its enum mnck_event
 * @last_flags: MNCK_RANGE_BLOCKABLE
 * @bytes: sum of last_end - last_start over all starts, modulo 2^64
 * @last_start_order, @last_end_order: when the last start and the last end came,
 *	in the order of all starts and ends of all subscribers: 1 is the first
 * @clear_flush_young, @clear_young, @test_young: calls of these callbacks
 * @young: how many of them answered yes
 * @last_young_start, @last_young_end: what the last of them asked about, bytes,
 *	half open; test_young asks about the page at an address
 * @flushes: flushes of the secondary TLB
 * @flushes_all: those of them that were for all of the address space
 * @last_flush_start, @last_flush_end: the range of the last of the others
 * @retries: mirror: lookups that an invalidation has made worthless, which may be
 *	their own: a fault that copies a page invalidates
 * @waiting: mirror: callers of MNCK_MIRROR that wait for MNCK_MIRROR_LET_GO
 * @serial: a number that no other subscriber of any session has; a shared
 *	subscriber has one however often it is attached
 * @made, @freed: how many shared subscribers there were, and how many of these
 *	there are no more, in all sessions
 * @violations: how often the subscriber broke each rule
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
	__aligned_u64 last_start_order;
	__aligned_u64 last_end_order;
	__aligned_u64 clear_flush_young;
	__aligned_u64 clear_young;
	__aligned_u64 test_young;
	__aligned_u64 young;
	__aligned_u64 last_young_start;
	__aligned_u64 last_young_end;
	__aligned_u64 flushes;
	__aligned_u64 flushes_all;
	__aligned_u64 last_flush_start;
	__aligned_u64 last_flush_end;
	__aligned_u64 retries;
	__aligned_u64 waiting;
	__aligned_u64 serial;
	__aligned_u64 made;
	__aligned_u64 freed;
	__aligned_u64 violations[MNCK_RULES];
};

#define MNCK_STATS _IO(MNCK_IOCTL_TYPE, MNCK_CMD_STATS)
#define MNCK_DETACH _IO(MNCK_IOCTL_TYPE, MNCK_CMD_DETACH)

enum mnck_lock_op {
	MNCK_LOCK_RELEASE = 0,
	MNCK_LOCK_HOLD = 1,
};

/*
 * MNCK_LOCK: hold or release the lock of a trylock subscriber, in a chain or not.
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
 * released, the invalidating task is killed, or wait_limit_ms (a module
 * parameter: 10,000) have passed.  With it waits whoever needs the locks of mm
 * that the invalidating task has, MNCK_ATTACH among them; and since the core waits
 * for all callbacks of all mms, so does every unregister in the system,
 * MNCK_DETACH and the last close of a session among them.
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

enum mnck_mirror_op {
	/* Fault pages in and put them into the shadow. */
	MNCK_MIRROR_FAULT = 0,
	/* What the shadow has. */
	MNCK_MIRROR_READ = 1,
	/* Hold the lock and wait. */
	MNCK_MIRROR_HOLD = 2,
	/* Let one that waits go on. */
	MNCK_MIRROR_LET_GO = 3,
};

/* mnck_mirror.flags */
enum {
	/* FAULT: for writing. */
	MNCK_MIRROR_WRITE = 1 << 0,
	/* FAULT: wait each time between looking up and installing. */
	MNCK_MIRROR_WAIT = 1 << 1,
};

/* A page in a shadow: its frame number times 4, and these. */
enum {
	MNCK_PAGE_PRESENT = 1 << 0,
	MNCK_PAGE_WRITABLE = 1 << 1,
};

#define MNCK_MIRROR_PAGES 512

/*
 * MNCK_MIRROR: use the shadow page table of a mirror, as its device would.
 *
 * @id: the subscriber
 * @op: enum mnck_mirror_op
 * @flags: for a FAULT MNCK_MIRROR_WRITE, MNCK_MIRROR_WAIT; else 0
 * @start, @end: FAULT, READ: pages within the subscriber's range, at most
 *	MNCK_MIRROR_PAGES, bytes, half open; else 0
 * @entries: READ: where to write an entry for each page, 0 for one that the
 *	shadow has not; else 0
 *
 * A FAULT looks the pages up in the process, faulting them in, and installs them
 * in the shadow, unless an invalidation came in between: then it begins again,
 * for 1 second at most, not counting what it waits.
 *
 * Who waits does so until MNCK_MIRROR_LET_GO, a kill, or for wait_limit_ms.  While
 * a HOLD waits, a blockable invalidation of the range waits for it, as for the
 * lock of a trylock, and so does every other FAULT, READ and HOLD, none of which
 * can be killed meanwhile.  A LET_GO that comes first is kept for the next to wait.
 *
 *	EINVAL	the subscriber is not a mirror; unknown op; or a range that is
 *		empty, not page-aligned, too long or not the subscriber's
 *	ESRCH	FAULT: the address space has gone
 *	EFAULT	FAULT: the process has no memory there
 *	EPERM	FAULT: it may not be accessed so
 *	EBUSY	FAULT: 1 second was not enough
 *	EINTR	FAULT, HOLD: the caller was killed
 *	ETIMEDOUT FAULT, HOLD: waited for wait_limit_ms
 *	EOPNOTSUPP FAULT: the kernel has no CONFIG_HMM_MIRROR
 *	ENOMEM	out of memory
 */
struct mnck_mirror {
	__u32 size;
	__u32 flags;
	__aligned_u64 id;
	__u32 op;
	__u32 reserved;
	__aligned_u64 start;
	__aligned_u64 end;
	__aligned_u64 entries;
};

#define MNCK_MIRROR _IO(MNCK_IOCTL_TYPE, MNCK_CMD_MIRROR)

#define MNCK_TOUCH_PAGES 512

/*
 * MNCK_TOUCH: the device of an aging subscriber uses pages, which makes them
 * young until a callback clears that.
 *
 * @id: the subscriber
 * @flags: none yet, must be 0
 * @start, @end: at most MNCK_TOUCH_PAGES pages, bytes, half open
 *
 *	EINVAL	the subscriber is not an aging one; or a range that is empty,
 *		not page-aligned or too long
 *	ENOMEM	out of memory
 */
struct mnck_touch {
	__u32 size;
	__u32 flags;
	__aligned_u64 id;
	__aligned_u64 start;
	__aligned_u64 end;
};

#define MNCK_TOUCH _IO(MNCK_IOCTL_TYPE, MNCK_CMD_TOUCH)

#endif /* MNCK_UAPI_H */
