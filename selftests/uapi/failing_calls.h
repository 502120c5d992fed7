/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Attaches of each kind of subscriber, and the calls that use its device, while each of
 * their allocations fails in turn: the call fails with ENOMEM and has had no effect.
 *
 * mnck is inserted anew with max_subscribers=1: if a failed attach kept its place in the
 * session, there would be none left for the next.
 */
#ifndef MNCK_SELFTEST_FAILING_CALLS_H
#define MNCK_SELFTEST_FAILING_CALLS_H

#include <stdint.h>

#include "child.h"
#include "fail_nth.h"
#include "mnck_harness.h"
#include "module.h"
#include "option.h"
#include "victim.h"

#define NR_KINDS (MNCK_KIND_SHARED + 1)

/* The pages of the mirror and of the device, which prepare_fault() maps anew for each call. */
#define PAGES 4
#define AREA ((char *)0x200000000UL)

static const char * const kind_names[NR_KINDS] = {
	"counter", "trylock", "mirror", "two_pass", "secondary_tlb", "aging", "shared",
};

/* The calls that fail: their sessions, their targets and their arguments. */
struct failing_calls {
	/* The session that the calls are made on. */
	int fd;
	/* A session for a subscriber that is attached before. */
	int other_fd;
	struct victim victim;
	/* Whether a call may succeed although an allocation of it has failed. */
	bool can_absorb;
	/* The process to attach to; 0 for a new process each time. */
	pid_t target;
	/* The last new process, or 0. */
	pid_t new_pid;
	struct mnck_attach attach;
	struct mnck_mirror mirror;
	struct mnck_touch touch;
	struct mnck_watch watch;
	struct subscriber sub;
};

/* Kills the last new process, if there is one. */
static inline void kill_new_process(struct failing_calls *calls)
{
	child_kill(&calls->new_pid);
}

/*
 * Makes a new process, if that is the target.  Its mm has had no subscriber yet, so that
 * the core's allocations for the first subscriber of an mm are among those that fail.
 */
static inline int prepare_attach(void *arg)
{
	struct failing_calls *calls = arg;

	if (!calls->target) {
		kill_new_process(calls);
		calls->new_pid = child_start();
		if (calls->new_pid < 0)
			return -1;
		calls->attach.pid = calls->new_pid;
	}
	/* A copy-on-write fault during the call would count as one of its allocations. */
	return own_pages();
}

static inline int call_attach(void *arg)
{
	struct failing_calls *calls = arg;

	calls->attach.size = sizeof(calls->attach);
	return ioctl(calls->fd, MNCK_ATTACH, &calls->attach);
}

/* Detaches the session's only possible subscriber, which has seen nothing. */
static inline int undo_attach(void *arg)
{
	struct failing_calls *calls = arg;
	struct subscriber extra, sub = { .fd = calls->fd, .id = calls->attach.id };
	struct mnck_stats stats, want = {};

	if (mnck_stats(&sub, &stats) || strcmp(mnck_differs(&want, &stats), "") ||
	    mnck_attach(calls->fd, 0, MNCK_KIND_COUNTER, &extra) != -1 || errno != ENOSPC)
		return -1;
	return mnck_detach(&sub, &stats);
}

static const struct sweep attach_sweep = {
	.prepare = prepare_attach,
	.call = call_attach,
	.undo = undo_attach,
};

/* Maps the pages anew and does not touch them, so the mirror's shadow has none of them. */
static inline int prepare_fault(void *arg __maybe_unused)
{
	size_t len = PAGES * getpagesize();

	munmap(AREA, len);
	return mmap(AREA, len, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == AREA ? 0 : -1;
}

static inline int call_mirror(void *arg)
{
	struct failing_calls *calls = arg;

	return ioctl(calls->fd, MNCK_MIRROR, &calls->mirror);
}

/* Returns how many pages the shadow has, or -1. */
static inline int shadowed(struct failing_calls *calls)
{
	struct mnck_mirror read = calls->mirror;
	__u64 entries[PAGES];
	int n = 0;

	read.op = MNCK_MIRROR_READ;
	read.flags = 0;
	read.entries = (uintptr_t)entries;
	if (ioctl(calls->fd, MNCK_MIRROR, &read))
		return -1;
	for (int i = 0; i < PAGES; i++)
		n += entries[i] & MNCK_PAGE_PRESENT;
	return n;
}

/* A fault that has failed has put no page into the shadow. */
static inline int check_fault(void *arg)
{
	return shadowed(arg) ? -1 : 0;
}

/* A fault that has succeeded has put all pages into the shadow. */
static inline int undo_fault(void *arg)
{
	return shadowed(arg) == PAGES ? 0 : -1;
}

static const struct sweep fault_sweep = {
	.prepare = prepare_fault,
	.call = call_mirror,
	.undo = undo_fault,
	.check = check_fault,
};

static const struct sweep read_sweep = {
	.call = call_mirror,
};

static inline int call_touch(void *arg)
{
	struct failing_calls *calls = arg;

	return ioctl(calls->fd, MNCK_TOUCH, &calls->touch);
}

static const struct sweep touch_sweep = {
	.call = call_touch,
};

static inline int call_watch(void *arg)
{
	struct failing_calls *calls = arg;

	calls->watch = (struct mnck_watch){ .size = sizeof(calls->watch) };
	return ioctl(calls->fd, MNCK_WATCH, &calls->watch);
}

/* Closes the watch, and then as many as there can be: a failed call keeps no place. */
static inline int undo_watch(void *arg)
{
	struct failing_calls *calls = arg;
	int watches[MNCK_WATCHES];
	int error = 0;

	close(calls->watch.fd);
	for (int i = 0; i < MNCK_WATCHES; i++) {
		error |= call_watch(arg);
		watches[i] = calls->watch.fd;
	}
	for (int i = 0; !error && i < MNCK_WATCHES; i++)
		close(watches[i]);
	return error;
}

static const struct sweep watch_sweep = {
	.call = call_watch,
	.undo = undo_watch,
};

/* Inserts mnck anew, opens the sessions and starts the victim; returns 0 or -1. */
static inline int failing_calls_setup(struct failing_calls *calls)
{
	calls->fd = -1;
	calls->other_fd = -1;
	if (small_pages() || victim_start(&calls->victim, getpagesize()) ||
	    mnck_remove() || mnck_insert("max_subscribers=1"))
		return -1;
	calls->fd = mnck_open();
	calls->other_fd = mnck_open();
	return calls->fd < 0 || calls->other_fd < 0 ? -1 : 0;
}

/* Returns 0 if mnck could be removed, so no failed call holds it, and is inserted again. */
static inline int failing_calls_teardown(struct failing_calls *calls)
{
	fail_setup(FAIL_NOTHING);
	kill_new_process(calls);
	if (calls->fd >= 0)
		close(calls->fd);
	if (calls->other_fd >= 0)
		close(calls->other_fd);
	victim_kill(&calls->victim);
	WAIT_UNTIL(!mnck_remove() || errno != EWOULDBLOCK);
	return mnck_insert("");
}

/* Lets fail-nth count allocations of the kind @_what from here on. */
#define ASSERT_CAN_FAIL(_what)                                                    \
	do {                                                                      \
		const char *lacks_;                                               \
										  \
		REQUIRE_FAULT_INJECTION();                                        \
		lacks_ = fail_setup(_what);                                       \
		ASSERT_EQ(NULL, lacks_) TH_LOG("%s: %m", lacks_);                 \
	} while (0)

/*
 * Makes a call until each of its allocations has failed once, and then once more, when it
 * must succeed.  At least @least calls must fail, all of them with ENOMEM.
 */
static inline void expect_enomem(struct __test_metadata *_metadata, struct failing_calls *calls,
				 const struct sweep *sweep, unsigned int least, const char *name)
{
	struct swept swept;

	ASSERT_EQ(0, sweep_all(sweep, calls, &swept))
		TH_LOG("%s: %m", name);
	TH_LOG("%s: %u failed", name, swept.failed);
	EXPECT_LE(least, swept.failed);
	EXPECT_TRUE(!swept.absorbed || calls->can_absorb);
	EXPECT_EQ(0, swept.wrong_errno);
	EXPECT_EQ(0, swept.result);
}

static inline struct mnck_attach attach_kind(__u32 kind, __u32 flags, pid_t pid)
{
	struct mnck_attach attach = { .pid = pid, .kind = kind, .flags = flags };

	if (kind == MNCK_KIND_MIRROR || kind == MNCK_KIND_TWO_PASS) {
		attach.start = (uintptr_t)AREA;
		attach.end = attach.start + PAGES * getpagesize();
	}
	return attach;
}

/*
 * Returns how many allocations an attach has at least: the place in the session's tree and
 * the entry at that place; the statistics and the subscriber, unless the mm has the shared
 * subscriber already; and the core's data of the mm, for its first subscriber.
 */
static inline unsigned int least_allocations(__u32 kind, bool second)
{
	if (kind == MNCK_KIND_SHARED && second)
		return 2;
	return second ? 4 : 5;
}

/* Fails the attach of a @kind: with and without the mmap lock, first and second of an mm. */
static inline void fail_attach(struct __test_metadata *_metadata, struct failing_calls *calls,
			       __u32 kind)
{
	for (int i = 0; i < 4; i++) {
		__u32 flags = i & 1 ? MNCK_ATTACH_LOCKED : 0;
		bool second = i & 2;
		struct subscriber first;
		struct mnck_stats stats;
		char name[64];

		snprintf(name, sizeof(name), "%s, %s, %s", kind_names[kind],
			 flags ? "locked" : "plain", second ? "second" : "first");
		calls->target = second ? calls->victim.pid : 0;
		calls->attach = attach_kind(kind, flags, calls->victim.pid);
		if (second)
			ASSERT_EQ(0, mnck_attach_how(calls->other_fd, calls->attach, &first));
		expect_enomem(_metadata, calls, &attach_sweep, least_allocations(kind, second),
			      name);
		if (second)
			ASSERT_EQ(0, mnck_detach(&first, &stats));
	}
}

/* Attaches a @kind to this process, fails @sweep, a call on it, and detaches it. */
static inline void fail_on(struct __test_metadata *_metadata, struct failing_calls *calls,
			   __u32 kind, const struct sweep *sweep, unsigned int least,
			   const char *name)
{
	struct mnck_stats stats;

	ASSERT_EQ(0, own_pages());
	ASSERT_EQ(0, mnck_attach_how(calls->fd, attach_kind(kind, 0, 0), &calls->sub));
	calls->mirror.id = calls->sub.id;
	calls->touch.id = calls->sub.id;
	expect_enomem(_metadata, calls, sweep, least, name);
	ASSERT_EQ(0, mnck_detach(&calls->sub, &stats));
}

/* Fails a mirror's fault of all pages. */
static inline void fail_fault(struct __test_metadata *_metadata, struct failing_calls *calls,
			      unsigned int least)
{
	calls->mirror = (struct mnck_mirror){
		.size = sizeof(calls->mirror),
		.op = MNCK_MIRROR_FAULT,
		.flags = MNCK_MIRROR_WRITE,
		.start = (uintptr_t)AREA,
		.end = (uintptr_t)AREA + PAGES * getpagesize(),
	};
	fail_on(_metadata, calls, MNCK_KIND_MIRROR, &fault_sweep, least, "fault");
}

/* Fails the read of a mirror's shadow. */
static inline void fail_read(struct __test_metadata *_metadata, struct failing_calls *calls,
			     unsigned int least)
{
	__u64 entries[PAGES];

	calls->mirror = (struct mnck_mirror){
		.size = sizeof(calls->mirror),
		.op = MNCK_MIRROR_READ,
		.start = (uintptr_t)AREA,
		.end = (uintptr_t)AREA + PAGES * getpagesize(),
		.entries = (uintptr_t)entries,
	};
	fail_on(_metadata, calls, MNCK_KIND_MIRROR, &read_sweep, least, "read");
}

/* Fails the use of all pages by an aging subscriber's device. */
static inline void fail_touch(struct __test_metadata *_metadata, struct failing_calls *calls,
			      unsigned int least)
{
	calls->touch = (struct mnck_touch){
		.size = sizeof(calls->touch),
		.start = (uintptr_t)AREA,
		.end = (uintptr_t)AREA + PAGES * getpagesize(),
	};
	fail_on(_metadata, calls, MNCK_KIND_AGING, &touch_sweep, least, "touch");
}

/* Each call allocates a list of its pages; a fault and a touch also a node for each page. */
static inline void fail_device_calls(struct __test_metadata *_metadata,
				     struct failing_calls *calls)
{
	fail_fault(_metadata, calls, 1 + PAGES);
	fail_read(_metadata, calls, 1);
	fail_touch(_metadata, calls, 1 + PAGES);
}

#endif /* MNCK_SELFTEST_FAILING_CALLS_H */
