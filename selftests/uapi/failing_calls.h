/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Each way to attach a subscriber, and what its device does, while allocations
 * fail: the call then fails with ENOMEM and has done nothing.
 *
 * mnck is inserted anew with max_subscribers=1, so that a session which keeps but
 * one place too many has none left.
 *
 * The macros are for tests whose fixture has a struct attempt called attempt.
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

/* The mirror's and the device's pages, which this process maps anew for each call. */
#define PAGES 4
#define AREA ((char *)0x200000000UL)

static const char * const kind_names[NR_KINDS] = {
	"counter", "trylock", "mirror", "two_pass", "secondary_tlb", "aging", "shared",
};

/* What is called, with its argument. */
struct attempt {
	/* The session that is called, which may have one subscriber. */
	int fd;
	/* Another, for who is there before. */
	int other_fd;
	struct victim victim;
	/* Whether a call may do without what has failed. */
	bool can_absorb;
	/* Attach to this process, or to a new one each time if it is 0. */
	pid_t target;
	/* The new one. */
	pid_t fresh;
	struct mnck_attach attach;
	struct mnck_mirror mirror;
	struct mnck_touch touch;
	struct subscriber sub;
};

static inline void end_fresh(struct attempt *a)
{
	child_kill(&a->fresh);
}

/*
 * The mm of a new process has had no subscriber yet, so that what the core
 * allocates for the first is among what fails, each time in its place.
 */
static inline int prepare_attach(void *arg)
{
	struct attempt *a = arg;

	if (!a->target) {
		end_fresh(a);
		a->fresh = child_start();
		if (a->fresh < 0)
			return -1;
		a->attach.pid = a->fresh;
	}
	/* A page that is copied while the call runs would be an allocation of it. */
	return own_pages();
}

static inline int call_attach(void *arg)
{
	struct attempt *a = arg;

	a->attach.size = sizeof(a->attach);
	return ioctl(a->fd, MNCK_ATTACH, &a->attach);
}

/* It has taken the session's only place, and has seen nothing. */
static inline int undo_attach(void *arg)
{
	struct attempt *a = arg;
	struct subscriber extra, sub = { .fd = a->fd, .id = a->attach.id };
	struct mnck_stats stats, want = {};

	if (mnck_stats(&sub, &stats) || strcmp(mnck_differs(&want, &stats), "") ||
	    mnck_attach(a->fd, 0, MNCK_KIND_COUNTER, &extra) != -1 || errno != ENOSPC)
		return -1;
	return mnck_detach(&sub, &stats);
}

static const struct sweep __maybe_unused attach_sweep = {
	.prepare = prepare_attach,
	.call = call_attach,
	.undo = undo_attach,
};

/* Memory that was never touched, under a mirror that has nothing of it. */
static inline int prepare_fault(void *arg __maybe_unused)
{
	size_t len = PAGES * getpagesize();

	munmap(AREA, len);
	return mmap(AREA, len, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == AREA ? 0 : -1;
}

static inline int call_mirror(void *arg)
{
	struct attempt *a = arg;

	return ioctl(a->fd, MNCK_MIRROR, &a->mirror);
}

/* How many pages the shadow has, or -1. */
static inline int shadowed(struct attempt *a)
{
	struct mnck_mirror read = a->mirror;
	__u64 entries[PAGES];
	int n = 0;

	read.op = MNCK_MIRROR_READ;
	read.flags = 0;
	read.entries = (uintptr_t)entries;
	if (ioctl(a->fd, MNCK_MIRROR, &read))
		return -1;
	for (int i = 0; i < PAGES; i++)
		n += entries[i] & MNCK_PAGE_PRESENT;
	return n;
}

static inline int check_fault(void *arg)
{
	return shadowed(arg) ? -1 : 0;
}

static inline int undo_fault(void *arg)
{
	return shadowed(arg) == PAGES ? 0 : -1;
}

static const struct sweep __maybe_unused fault_sweep = {
	.prepare = prepare_fault,
	.call = call_mirror,
	.undo = undo_fault,
	.check = check_fault,
};

static const struct sweep __maybe_unused read_sweep = {
	.call = call_mirror,
};

static inline int call_touch(void *arg)
{
	struct attempt *a = arg;

	return ioctl(a->fd, MNCK_TOUCH, &a->touch);
}

static const struct sweep __maybe_unused touch_sweep = {
	.call = call_touch,
};

/* mnck is inserted anew, with a session and another, and a process to attach to. */
static inline int attempt_setup(struct attempt *a)
{
	a->fd = -1;
	a->other_fd = -1;
	if (small_pages() || victim_start(&a->victim, getpagesize()) ||
	    mnck_remove() || mnck_insert("max_subscribers=1"))
		return -1;
	a->fd = mnck_open();
	a->other_fd = mnck_open();
	return a->fd < 0 || a->other_fd < 0 ? -1 : 0;
}

/* Returns 0 if mnck is as it was: none of what failed has kept it. */
static inline int attempt_teardown(struct attempt *a)
{
	fail_setup(FAIL_NOTHING);
	end_fresh(a);
	if (a->fd >= 0)
		close(a->fd);
	if (a->other_fd >= 0)
		close(a->other_fd);
	victim_kill(&a->victim);
	WAIT_UNTIL(!mnck_remove() || errno != EWOULDBLOCK);
	return mnck_insert("");
}

#define ASSERT_CAN_FAIL(_what)                                                    \
	do {                                                                      \
		const char *lacks_;                                               \
										  \
		REQUIRE_FAULT_INJECTION();                                        \
		lacks_ = fail_setup(_what);                                       \
		ASSERT_EQ(NULL, lacks_) TH_LOG("%s: %m", lacks_);                 \
	} while (0)

/* All that is known to be allocated has failed, as it should, and in the end nothing has. */
#define EXPECT_SWEPT(_sweep, _known, _name, ...)                                  \
	do {                                                                      \
		struct swept swept_;                                              \
										  \
		ASSERT_EQ(0, sweep_all(_sweep, &self->attempt, &swept_))          \
			TH_LOG(_name ": %m", ##__VA_ARGS__);                      \
		TH_LOG(_name ": %u failed", ##__VA_ARGS__, swept_.failed);        \
		EXPECT_LE(_known, swept_.failed);                                 \
		EXPECT_TRUE(!swept_.absorbed || self->attempt.can_absorb);                \
		EXPECT_EQ(0, swept_.wrong_errno);                                 \
		EXPECT_EQ(0, swept_.result);                                      \
	} while (0)

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
 * The place in the session's tree and what stands there; and, unless a shared one
 * is there already, the statistics and the subscriber; and, for the first of an
 * mm, what the core has for that.
 */
static inline unsigned int known(__u32 kind, bool second)
{
	if (kind == MNCK_KIND_SHARED && second)
		return 2;
	return second ? 4 : 5;
}

/* Each kind that @_kinds has, plain and locked, as the first of an mm and the second. */
#define SWEEP_ATTACHES(_kinds)                                                    \
	do {                                                                      \
		struct attempt *a_ = &self->attempt;                              \
										  \
		for (int i_ = 0; i_ < 4 * NR_KINDS; i_++) {                       \
			__u32 kind_ = i_ / 4, flags_ = i_ & 1;                    \
			bool second_ = i_ & 2;                                    \
			struct mnck_stats stats_;                                 \
			struct subscriber first_;                                 \
										  \
			if (!((_kinds) >> kind_ & 1))                             \
				continue;                                         \
			a_->target = second_ ? a_->victim.pid : 0;                \
			a_->attach = attach_kind(kind_, flags_, a_->victim.pid);  \
			if (second_)                                              \
				ASSERT_EQ(0, mnck_attach_how(a_->other_fd, a_->attach, \
							     &first_));           \
			EXPECT_SWEPT(&attach_sweep, known(kind_, second_), "%s, %s, %s", \
				     kind_names[kind_], flags_ ? "locked" : "plain", \
				     second_ ? "second" : "first");               \
			if (second_)                                              \
				ASSERT_EQ(0, mnck_detach(&first_, &stats_));      \
		}                                                                 \
	} while (0)

/* A mirror that faults pages in. */
#define SWEEP_FAULT(_known)                                                       \
	do {                                                                      \
		struct attempt *a_ = &self->attempt;                              \
		struct mnck_stats stats_;                                         \
										  \
		ASSERT_EQ(0, own_pages());                                        \
		ASSERT_EQ(0, mnck_attach_how(a_->fd, attach_kind(MNCK_KIND_MIRROR, 0, 0), \
					     &a_->sub));                          \
		a_->mirror = (struct mnck_mirror){                                \
			.size = sizeof(a_->mirror),                               \
			.id = a_->sub.id,                                         \
			.op = MNCK_MIRROR_FAULT,                                  \
			.flags = MNCK_MIRROR_WRITE,                               \
			.start = (uintptr_t)AREA,                                 \
			.end = (uintptr_t)AREA + PAGES * getpagesize(),           \
		};                                                                \
		EXPECT_SWEPT(&fault_sweep, _known, "fault");                      \
		ASSERT_EQ(0, mnck_detach(&a_->sub, &stats_));                     \
	} while (0)

/* One that says what it has. */
#define SWEEP_READ(_known)                                                        \
	do {                                                                      \
		struct attempt *a_ = &self->attempt;                              \
		struct mnck_stats stats_;                                         \
		__u64 entries_[PAGES];                                            \
										  \
		ASSERT_EQ(0, mnck_attach_how(a_->fd, attach_kind(MNCK_KIND_MIRROR, 0, 0), \
					     &a_->sub));                          \
		a_->mirror.id = a_->sub.id;                                       \
		a_->mirror.op = MNCK_MIRROR_READ;                                 \
		a_->mirror.flags = 0;                                             \
		a_->mirror.entries = (uintptr_t)entries_;                         \
		EXPECT_SWEPT(&read_sweep, _known, "read");                        \
		ASSERT_EQ(0, mnck_detach(&a_->sub, &stats_));                     \
	} while (0)

/* A device that uses pages. */
#define SWEEP_TOUCH(_known)                                                       \
	do {                                                                      \
		struct attempt *a_ = &self->attempt;                              \
		struct mnck_stats stats_;                                         \
										  \
		ASSERT_EQ(0, mnck_attach(a_->fd, 0, MNCK_KIND_AGING, &a_->sub));  \
		a_->touch = (struct mnck_touch){                                  \
			.size = sizeof(a_->touch),                                \
			.id = a_->sub.id,                                         \
			.start = (uintptr_t)AREA,                                 \
			.end = (uintptr_t)AREA + PAGES * getpagesize(),           \
		};                                                                \
		EXPECT_SWEPT(&touch_sweep, _known, "touch");                      \
		ASSERT_EQ(0, mnck_detach(&a_->sub, &stats_));                     \
	} while (0)

/* Each has a list of as many places as there are pages; two of them a node for each. */
#define SWEEP_DEVICES()                                                           \
	do {                                                                      \
		SWEEP_FAULT(1 + PAGES);                                           \
		SWEEP_READ(1);                                                    \
		SWEEP_TOUCH(1 + PAGES);                                           \
	} while (0)

#endif /* MNCK_SELFTEST_FAILING_CALLS_H */
