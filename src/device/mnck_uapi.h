/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * /dev/mnck: attach subscribers to the MMU notifiers of a process.
 *
 * Each open file is a session.  Subscribers belong to the session, not to the
 * process that opened it.  The last close detaches them all, one by one.  The memory of a
 * session, of its subscribers and of their pages is charged to the memory cgroup of the
 * caller.
 *
 * Every argument begins with its own size in bytes, and may grow in later versions.
 * Bytes that the kernel does not know must be 0.  Members that the caller does not
 * know are taken as 0 and are not written back.  The size is written back as it
 * was.  The layout is the same for 32-bit callers.
 *
 * The number of a call has the direction and the size of its argument.  If the argument
 * grows, the number changes, and the numbers of earlier versions remain valid: the kernel
 * takes the size from the argument alone.
 *
 * Errors of all calls:
 *	EFAULT	the argument cannot be read or written
 *	EINVAL	the size is less than the minimum of the call, which is the size
 *		of the argument in the first version unless the call says
 *		otherwise; or a reserved member or an unknown flag is set
 *	E2BIG	the size is more than a page, or an unknown byte is not 0
 *	ENOTTY	there is no such call, or the size in its number is less than the minimum
 *	EINTR	a signal came before the call had any effect
 *	ENOENT	the session has no subscriber with this id
 */
#ifndef MNCK_UAPI_H
#define MNCK_UAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>

enum {
	/* Linux 7.3 has no other use of it: see its userspace-api/ioctl/ioctl-number.rst. */
	MNCK_IOCTL_TYPE = 0xbd,
	MNCK_CMD_ATTACH = 0,
	MNCK_CMD_DETACH,
	MNCK_CMD_STATS,
	MNCK_CMD_LOCK,
	MNCK_CMD_MIRROR,
	MNCK_CMD_TOUCH,
	MNCK_CMD_WATCH,
	MNCK_CMD_SUMMARY,
	MNCK_CMD_PREARM,
};

/* The kinds of subscriber, by what they model. */
enum mnck_kind {
	/* KVM: counts starts and ends, and never refuses. */
	MNCK_KIND_COUNTER = 0,
	/*
	 * RDMA ODP: each start takes the subscriber's lock.  If the range is
	 * non-blockable and the lock is taken, the start refuses with -EAGAIN.
	 * It has no end.
	 */
	MNCK_KIND_TRYLOCK = 1,
	/*
	 * HMM: an interval notifier with a shadow page table, see MNCK_MIRROR.
	 * Its lock is a mutex: if the range is non-blockable and the lock is
	 * taken, it refuses.
	 */
	MNCK_KIND_MIRROR = 2,
	/*
	 * xe userptr: an interval notifier that invalidates in two passes.  Its
	 * lock is a spin lock, and it never refuses.
	 */
	MNCK_KIND_TWO_PASS = 3,
	/* IOMMU SVA: flushes of a secondary TLB; it has no start and no end. */
	MNCK_KIND_SECONDARY_TLB = 4,
	/* KVM's young callbacks: it records the pages that its device uses, see MNCK_TOUCH. */
	MNCK_KIND_AGING = 5,
	/*
	 * amdkfd: one subscriber for each mm, shared by all sessions that attach
	 * one.  It counts like a counter.
	 */
	MNCK_KIND_SHARED = 6,
	/*
	 * A chain of subscribers that are attached with MNCK_ATTACH_IN_CHAIN.  Each
	 * member may refuse and has an end.  Members are started in the order in
	 * which they were attached, and ended in reverse order.  The statistics of
	 * the chain are those of a counter that is its first member.
	 */
	MNCK_KIND_CHAIN = 7,
};

/* mnck_attach.flags */
enum {
	/* Take the mmap lock for writing, and register under it. */
	MNCK_ATTACH_LOCKED = 1 << 0,
	/* Attach to a chain.  Only for a counter, or a trylock (which then has an end). */
	MNCK_ATTACH_IN_CHAIN = 1 << 1,
};

/*
 * MNCK_ATTACH: register a subscriber with the mm of a process.
 *
 * @pid: a thread of the process, in the caller's pid namespace; 0 for the caller.
 *	Must be 0 with MNCK_ATTACH_IN_CHAIN
 * @kind: enum mnck_kind
 * @flags: 0, MNCK_ATTACH_LOCKED (no effect for a chain), or MNCK_ATTACH_IN_CHAIN
 * @id: returned: the id of the subscriber, never used again in this session
 * @start, @end: the range of a mirror or a two-pass subscriber, in bytes, half-open; 0
 *	for other kinds
 * @chain: the id of the chain, with MNCK_ATTACH_IN_CHAIN; else 0
 *
 * Attaching to a chain waits until the ranges that are open are over.  The new
 * member is not notified of those ranges.
 *
 * A subscriber can be attached to the mm of the caller, and to the process that the opener
 * of the file could trace (PTRACE_MODE_ATTACH_FSCREDS of ptrace(2)):
 *
 * - the real, effective and saved user ids of the thread are the file-system user id of the
 *   opener, and likewise the group ids; or the opener had CAP_SYS_PTRACE in the user
 *   namespace of the thread
 * - and the process is dumpable (PR_SET_DUMPABLE); or the opener had CAP_SYS_PTRACE in the
 *   user namespace in which the process has executed its program
 *
 * The ids and capabilities of the opener are those at the time of the open: a process that
 * passes the file on passes on what it may do with it.  mnck cannot ask security modules, such
 * as Yama or Landlock, since the kernel exports no function for that: a process that only
 * these protect is not protected from mnck.  The subscriber stays with the mm: it is not
 * subscribed to a child that the process forks, nor to a program that it execs.  It remains
 * attached if the process changes its ids, as a tracer does.
 *
 * A process cannot be named by a pidfd, since the kernel exports no function that takes one.
 * A caller that has one attaches by the pid, and then sends signal 0 with
 * pidfd_send_signal(2): if that succeeds, the pid has not been reused.
 *
 * Up to Linux 7.3, a trylock that refuses harms the mirrors and two-pass subscribers
 * of its mm: the core does not end their invalidation, and MNCK_DETACH of them waits
 * for ever and cannot be killed.
 *
 *	ESRCH	there is no such thread, or it is exiting; in a chain: the mm of
 *		the chain was released
 *	EINVAL	the process is a kernel thread; the kind is unknown; the range is
 *		empty or not page-aligned; a range is given to a kind without one,
 *		or no range to a kind with one; or in a chain: the kind cannot be a
 *		member, @chain is not a chain, or @pid is not 0
 *	ENOENT	the session has no subscriber @chain
 *	EPERM	the mm is not the caller's, and the opener may not trace the process
 *	ENOSPC	the session already has max_subscribers (a module parameter)
 *		subscribers
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
};

#define MNCK_ATTACH _IOWR(MNCK_IOCTL_TYPE, MNCK_CMD_ATTACH, struct mnck_attach)

#define MNCK_EVENTS 16

/* Indices into mnck_stats.events: the values of enum mmu_notifier_event. */
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

/* Indices into mnck_stats.violations.  The rules are in Documentation/checks.md. */
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
	MNCK_RULE_STALL,
	MNCK_RULE_FINISH,
	MNCK_RULE_RANGE,
};

/* mnck_stats.last_flags */
enum {
	/* The callbacks of the range may sleep. */
	MNCK_RANGE_BLOCKABLE = 1 << 0,
};

/*
 * MNCK_STATS: return the statistics of subscriber @id at one moment.
 * MNCK_DETACH: unregister subscriber @id, and return its final statistics.  When
 *	the call returns, no callback runs and none will.  If the statistics cannot
 *	be written (EFAULT), the subscriber is detached nevertheless.  A shared
 *	subscriber is unregistered with its last reference: its release is not
 *	called, the call does not wait, and the subscriber is freed some time later.
 *	The module cannot be removed before.
 *
 * The minimum size is up to and including @id, for callers that need no statistics.
 *
 *	EBUSY	detach: another call on the subscriber has not returned, or the
 *		subscriber is a chain with members
 *
 * A start that refuses is counted in @starts and in @refusals.  A start that waits
 * for the lock of a trylock is counted when it has the lock, or when its wait has
 * ended without the lock.  So at all times:
 *
 *	counter: starts == ends + open + closed_by_detach
 *	trylock, mirror: ends == 0, open == 0, closed_by_detach == 0
 *	two_pass: starts == ends + open, where an end is a finish
 *	in a chain: starts == ends + open + closed_by_detach + refusals, where each
 *		closed pair was ended early
 *
 * @flags: none yet, must be 0
 * @starts: calls of the start callback; of an interval notifier, invalidations
 * @ends: calls of the end callback; of a two-pass subscriber, finishes
 * @refusals: starts that failed with -EAGAIN
 * @open: pairs with a start and without an end so far
 * @closed_by_detach: pairs that were open when the subscription ended, by
 *	MNCK_DETACH or because the mm was released.  Until the detach or the exit is
 *	complete, a few of their ends may still come; these are moved to @ends
 * @releases: calls of the release callback: not 0 once the mm was released, by
 *	exit, exec or MNCK_DETACH; more than 1 if some of these happened at once.  An
 *	interval notifier has no release: at exit and exec it gets a range with
 *	MNCK_EVENT_RELEASE
 * @non_blockable: starts of a non-blockable range
 * @events: starts by event
 * @last_start, @last_end: the range of the last start, in bytes, half-open
 * @last_event: the enum mnck_event of the last start
 * @last_flags: MNCK_RANGE_BLOCKABLE if the range of the last start was blockable
 * @bytes: sum of last_end - last_start over all starts, modulo 2^64
 * @last_start_order, @last_end_order: the numbers of the last start and the last
 *	end, in the order of all starts and ends of all subscribers; the first is 1
 * @clear_flush_young, @clear_young, @test_young: calls of these callbacks
 * @young: how many of these calls have returned that a page was young
 * @last_young_start, @last_young_end: the range of the last of these calls, in bytes,
 *	half-open; for test_young, the page of its address
 * @flushes: flushes of the secondary TLB
 * @flushes_all: how many of these flushes were of the whole address space
 * @last_flush_start, @last_flush_end: the range of the last flush of a range, in bytes,
 *	half-open
 * @retries: mirror: look-ups that were repeated because of an invalidation, which the
 *	look-up itself may have caused: a fault that copies a page invalidates
 * @waiting: mirror: callers of MNCK_MIRROR that wait for MNCK_MIRROR_LET_GO
 * @serial: a number that no other subscriber of any session has; a shared
 *	subscriber has the same number in all sessions
 * @made, @freed: how many shared subscribers were made, and how many of these were
 *	freed, in all sessions
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

#define MNCK_STATS _IOWR(MNCK_IOCTL_TYPE, MNCK_CMD_STATS, struct mnck_stats)
#define MNCK_DETACH _IOWR(MNCK_IOCTL_TYPE, MNCK_CMD_DETACH, struct mnck_stats)

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
 * The session holds the lock, not the caller: any user of the file may release it,
 * and MNCK_DETACH releases it.  HOLD waits until no start has the lock.
 *
 * While the lock is held, a blockable invalidation of the mm waits in the subscriber's
 * start, as it would for the mutex of a driver: until the lock is released, or the
 * invalidating task is killed, or the task has waited for wait_limit_ms (a module parameter,
 * default 10,000) in the callbacks of all subscribers.  After that the task waits no longer
 * than it has done other things, whatever locks are held.
 *
 * Tasks that need the mm locks of the invalidating task wait, too, for example in
 * MNCK_ATTACH.  The core's unregister waits for all callbacks of all mms, so every
 * unregister in the system waits, and with it MNCK_DETACH and the last close of a session.
 *
 *	EINVAL	the subscriber is not a trylock, or the op is unknown
 *	EBUSY	hold: the session already holds the lock
 *	ENOLCK	release: the session does not hold the lock
 */
struct mnck_lock {
	__u32 size;
	__u32 flags;
	__aligned_u64 id;
	__u32 op;
	__u32 reserved;
};

#define MNCK_LOCK _IOW(MNCK_IOCTL_TYPE, MNCK_CMD_LOCK, struct mnck_lock)

enum mnck_mirror_op {
	/* Fault pages in and put them into the shadow. */
	MNCK_MIRROR_FAULT = 0,
	/* Read the entries of the shadow. */
	MNCK_MIRROR_READ = 1,
	/* Wait with the lock held. */
	MNCK_MIRROR_HOLD = 2,
	/* Let one waiting call continue. */
	MNCK_MIRROR_LET_GO = 3,
};

/* mnck_mirror.flags */
enum {
	/* FAULT: fault the pages in for writing. */
	MNCK_MIRROR_WRITE = 1 << 0,
	/* FAULT: wait between each look-up and its installation. */
	MNCK_MIRROR_WAIT = 1 << 1,
};

/*
 * An entry of a shadow: the page frame number, shifted left by 2, and these bits.  The
 * number is 0 unless the file was opened with CAP_SYS_ADMIN in the initial user namespace.
 */
enum {
	MNCK_PAGE_PRESENT = 1 << 0,
	MNCK_PAGE_WRITABLE = 1 << 1,
};

/* The most pages that the shadow of a mirror or the device of an aging subscriber can have. */
#define MNCK_MAX_PAGES 16384

#define MNCK_MIRROR_PAGES 512

/*
 * MNCK_MIRROR: use the shadow page table of a mirror, as its device would.
 *
 * @id: the subscriber
 * @op: enum mnck_mirror_op
 * @flags: FAULT: MNCK_MIRROR_WRITE, MNCK_MIRROR_WAIT; else 0
 * @start, @end: FAULT, READ: a range of at most MNCK_MIRROR_PAGES pages, within the
 *	range of the subscriber, in bytes, half-open; else 0
 * @entries: READ: the address of a __u64 for each page, to which the entry of the page
 *	is written, 0 if the page is not in the shadow; else 0
 *
 * FAULT looks the pages up in the process, which faults them in, and installs them in
 * the shadow.  If an invalidation comes in between, it begins again, for 1 second at
 * most, not counting the time that it waits.
 *
 * A FAULT or HOLD that waits does so until MNCK_MIRROR_LET_GO, until the caller is
 * killed, or for wait_limit_ms.  While a HOLD waits, blockable invalidations of the
 * range wait for it, as for the lock of a trylock, and the HOLD fails when their task may
 * wait no longer.  All other FAULTs, READs and HOLDs
 * of the mirror wait too, and cannot be killed meanwhile.  A LET_GO while no call waits
 * lets the next call continue at once.
 *
 *	EINVAL	the subscriber is not a mirror; the op is unknown; or the range is
 *		empty, not page-aligned, too long or not within the subscriber's
 *	ESRCH	FAULT: the address space has gone
 *	EFAULT	FAULT: the process has no memory there
 *	EPERM	FAULT: the process may not access the memory so
 *	EBUSY	FAULT: invalidations have made every look-up of 1 second useless
 *	EINTR	FAULT, HOLD: the caller was killed
 *	ETIMEDOUT FAULT, HOLD: no LET_GO came within wait_limit_ms; HOLD: nor within the
 *		time that an invalidation may wait
 *	EOPNOTSUPP FAULT: the kernel has no CONFIG_HMM_MIRROR
 *	ENOSPC	FAULT: the shadow would have more than MNCK_MAX_PAGES pages
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

#define MNCK_MIRROR _IOW(MNCK_IOCTL_TYPE, MNCK_CMD_MIRROR, struct mnck_mirror)

#define MNCK_TOUCH_PAGES 512

/*
 * MNCK_TOUCH: let the device of an aging subscriber use pages, which makes them young
 * until a callback clears them.
 *
 * @id: the subscriber
 * @flags: none yet, must be 0
 * @start, @end: a range of at most MNCK_TOUCH_PAGES pages, in bytes, half-open
 *
 *	EINVAL	the subscriber is not an aging one; or the range is empty, not
 *		page-aligned or too long
 *	ENOSPC	more than MNCK_MAX_PAGES pages would be young
 *	ENOMEM	out of memory
 */
struct mnck_touch {
	__u32 size;
	__u32 flags;
	__aligned_u64 id;
	__aligned_u64 start;
	__aligned_u64 end;
};

#define MNCK_TOUCH _IOW(MNCK_IOCTL_TYPE, MNCK_CMD_TOUCH, struct mnck_touch)

/* mnck_watch.flags */
enum {
	/* Watch all processes. */
	MNCK_WATCH_ALL = 1 << 0,
};

/*
 * MNCK_WATCH: watch the notifiers of all drivers in a process, and in all processes that it
 * forks from now on, also if they execute another program.  Returns a new file (it has
 * close-on-exec set), from which the caller reads what mnck finds.  The last close of that file
 * ends the watch; it is independent of this file.
 *
 * While any file watches, mnck observes all drivers and processes, as with watch=1 (a
 * module parameter).  A rule that a driver breaks is also reported in the kernel's log.
 *
 * @pid: a thread of the process, in the caller's pid namespace; 0 for the caller.  Must be 0
 *	with MNCK_WATCH_ALL
 * @flags: 0, or MNCK_WATCH_ALL, for which the file must have been opened with CAP_SYS_ADMIN in
 *	the initial user namespace
 * @fd: returned: the number of the new file
 * @latency_limit_us: if not 0, a record of rule latency comes for each callback that takes as
 *	long, in microseconds.  That does not break the rule: see latency_limit_ms (a module
 *	parameter), which has its own records
 *
 * The same processes can be watched as can be attached to: see MNCK_ATTACH.  A process that
 * executes a program which its user may not trace is watched no longer, unless the opener of the
 * file had CAP_SYS_ADMIN.
 *
 *	ESRCH	there is no such thread, or it is exiting
 *	EINVAL	the process is a kernel thread, or @pid is not 0 with MNCK_WATCH_ALL
 *	EPERM	the opener may not trace the process, or MNCK_WATCH_ALL needs CAP_SYS_ADMIN
 *	ENOSPC	MNCK_WATCHES files watch already
 *	EBUSY	the caller has more than one thread, and mnck has not observed before
 *	EOPNOTSUPP the kernel lacks an option that the observation needs; the log says which
 *	EMFILE, ENFILE	too many files are open
 *	ENOMEM	out of memory
 */
struct mnck_watch {
	__u32 size;
	__s32 pid;
	__u32 flags;
	__s32 fd;
	__u32 latency_limit_us;
	__u32 reserved;
};

#define MNCK_WATCH _IOWR(MNCK_IOCTL_TYPE, MNCK_CMD_WATCH, struct mnck_watch)

#define MNCK_WATCHES 8

/*
 * MNCK_SUMMARY: a call on a file of MNCK_WATCH, without an argument.  Behind the records of
 * all that has happened before the call, the next reads return the summary so far: a record of
 * each callback that is observed, and then MNCK_RECORD_UNSEEN, which ends it.  The callbacks of
 * a module that was removed are not observed any more.  While a summary is read modules may come
 * and go: a callback that is observed all the time comes once.
 */
#define MNCK_SUMMARY _IO(MNCK_IOCTL_TYPE, MNCK_CMD_SUMMARY)

/* The size of a text, with a NUL at its end. */
#define MNCK_TEXT_LEN 128

/* The callbacks that can be observed before a driver has a subscription. */
enum mnck_prearm_callback {
	MNCK_PREARM_START = 0,
	MNCK_PREARM_END,
	MNCK_PREARM_INVALIDATE,
	MNCK_PREARM_INVALIDATE_START,
	MNCK_PREARM_INVALIDATE_FINISH,
};

/*
 * MNCK_PREARM: a call on a file of MNCK_WATCH: observe a function from its first call as a
 * callback on, since it is thought to be one.  Otherwise mnck gets to know the callbacks of
 * a driver when it registers a subscription, and observes them a moment later.
 *
 * The type information of the kernel (/sys/kernel/btf) tells which functions may be callbacks.
 * To name another function does no harm: its calls are observed only while the core calls it
 * as a callback, from the table of the subscription that it is called with.
 *
 * The function is observed until its module goes or the observation ends.
 *
 * @callback: enum mnck_prearm_callback
 * @function: the name of the function, with "MODULE:" before it if it is in a module
 *
 *	EPERM	the opener of /dev/mnck lacked CAP_SYS_ADMIN in the initial user namespace
 *	EINVAL	the callback is unknown, the name is empty or has no end, or it is that of a
 *		function of mnck
 *	ENOENT	there is no such function, or the kernel can't find it: it lacks CONFIG_KPROBES,
 *		or is locked down
 *	EOPNOTSUPP the function can't be probed
 *	ENOMEM	out of memory
 */
struct mnck_prearm {
	__u32 size;
	__u32 callback;
	char function[MNCK_TEXT_LEN];
};

#define MNCK_PREARM _IOW(MNCK_IOCTL_TYPE, MNCK_CMD_PREARM, struct mnck_prearm)

/*
 * read(2) on a file of MNCK_WATCH returns whole records, as many as there are, while the rest
 * of the buffer has MNCK_RECORD_MAX bytes.  If there is none, it waits for one, or fails with
 * EAGAIN (O_NONBLOCK).  poll(2) says whether there is one (POLLIN).
 *
 * Each record begins with its size in bytes, where the next one begins, and with its type.  A
 * later version may have longer records, and other types; so a reader skips what it does not
 * know.
 *
 *	EINVAL	the buffer is less than MNCK_RECORD_MAX bytes
 *	EFAULT	the buffer can't be written: the record is lost
 *	EINTR	a signal came
 */
#define MNCK_RECORD_MAX 1024

enum mnck_record_type {
	/* A driver has subscribed to a process: a struct mnck_record_event. */
	MNCK_RECORD_REGISTERED = 1,
	/* A driver has ended a subscription: the same. */
	MNCK_RECORD_UNREGISTERED,
	/* A driver or the core broke a rule, or was slow: the same. */
	MNCK_RECORD_VIOLATION,
	/* Calls of a callback: a struct mnck_record_callback. */
	MNCK_RECORD_CALLBACK,
	/* What was not seen: a struct mnck_record_unseen. */
	MNCK_RECORD_UNSEEN,
};

/* mnck_record_event.flags */
enum {
	/* The range is known, or the subscription is to an interval. */
	MNCK_RECORD_HAS_RANGE = 1 << 0,
	/* The callbacks of the range may sleep. */
	MNCK_RECORD_BLOCKABLE = 1 << 1,
	/* A rule was broken.  Not set for a callback that was slow for this watch alone. */
	MNCK_RECORD_BROKEN = 1 << 2,
};

/*
 * @time: CLOCK_MONOTONIC, in ns: when a violation was reported, or a subscription was
 *	registered or ended.  Records may be read in another order
 * @lost: how many records of this file were lost just before, since it was not read in time
 * @pid: the process whose address space is concerned, or 0 if that is not known.  All ids are
 *	those of the initial pid namespace
 * @tid, @comm: the thread in which that happened, and its name
 * @rule: an enum mnck_rule, of a violation
 * @event: the enum mnck_event of the range
 * @flags: MNCK_RECORD_*
 * @start, @end: the range, in bytes, half-open; an end of all ones is the end of all addresses
 * @took: how long the callback took, in ns, for rule latency; else 0
 * @driver: of a violation the callback that broke the rule, or "core"; else the table of
 *	callbacks; with the module, as in "kvm_mmu_notifier_ops [kvm]"
 * @what: what it did, as in the log; of a subscription, the callbacks that the driver has
 * @caller: the function of the initiator of the range; of a subscription, the function that has
 *	registered it.  May be empty
 */
struct mnck_record_event {
	__u32 size;
	__u32 type;
	__aligned_u64 time;
	__aligned_u64 lost;
	__s32 pid;
	__s32 tid;
	char comm[16];
	__u32 rule;
	__u32 event;
	__u32 flags;
	__u32 reserved;
	__aligned_u64 start;
	__aligned_u64 end;
	__aligned_u64 took;
	char driver[MNCK_TEXT_LEN];
	char what[MNCK_TEXT_LEN];
	char caller[MNCK_TEXT_LEN];
};

#define MNCK_HISTOGRAM 40

/*
 * @calls: how often the callback was called for the processes that are watched, since the
 *	watch began
 * @refusals: how often it refused a range or failed
 * @longest: the longest time that it took, in ns
 * @histogram: how many calls took from 2^n ns to less than 2^(n+1) ns.  The first includes
 *	0 ns, the last all longer times
 * @missed: calls of the callbacks of this driver, for any process, that were not seen
 * @name: the callback, as in "kvm_mmu_notifier_invalidate_range_start [kvm]"
 * @callback: which callback of its driver it is, as in "start"
 */
struct mnck_record_callback {
	__u32 size;
	__u32 type;
	__aligned_u64 calls;
	__aligned_u64 refusals;
	__aligned_u64 longest;
	__aligned_u64 missed;
	__aligned_u64 histogram[MNCK_HISTOGRAM];
	char name[MNCK_TEXT_LEN];
	char callback[16];
};

/* mnck_record_unseen.flags */
enum {
	/* The subscriptions from before the observation are not observed. */
	MNCK_UNSEEN_EARLIER = 1 << 0,
	/* The core's ranges are not judged any more, since calls were missed. */
	MNCK_UNSEEN_CORE = 1 << 1,
};

/*
 * What was not seen since the watch began.  If all are 0, nothing was missed.
 *
 * @flags: MNCK_UNSEEN_*
 * @calls: calls of the core or of a callback that the kernel did not report
 * @ends: ends of ranges whose start was not seen
 * @sequences: refusals at which rule sequence was not judged, and reads of intervals for which
 *	it is not judged
 * @drivers: registrations of drivers that are not observed
 * @late: ranges of any process that began while a driver was registered and its callbacks were not
 *	observed yet: see MNCK_PREARM
 * @findings: violations and registrations that were dropped or not looked for, since too many came
 *	at once
 * @records: records of this file that were lost, since it was not read in time
 * @processes: processes that are not watched: they were forked while too many were, or have
 *	executed a program that their user may not trace
 */
struct mnck_record_unseen {
	__u32 size;
	__u32 type;
	__u32 flags;
	__u32 reserved;
	__aligned_u64 calls;
	__aligned_u64 ends;
	__aligned_u64 sequences;
	__aligned_u64 drivers;
	__aligned_u64 findings;
	__aligned_u64 records;
	__aligned_u64 processes;
	__aligned_u64 late;
};

#endif /* MNCK_UAPI_H */
