// SPDX-License-Identifier: GPL-2.0
/*
 * Each allocation of each way to attach a subscriber, and of what its device
 * does, fails once.  The call then fails with ENOMEM and has done nothing: it
 * takes no place in the session, holds no mm and no module, and has lost no
 * memory.
 *
 * The module is inserted anew with max_subscribers=1, so that a session which
 * keeps but one place too many has none left.
 */
#include <stdint.h>
#include <sys/syscall.h>

#include "expect.h"
#include "fail_nth.h"
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
	/* Attach to this process, or to a new one each time if it is 0. */
	pid_t target;
	/* The new one. */
	pid_t fresh;
	struct mnck_attach attach;
	struct mnck_mirror mirror;
	struct mnck_touch touch;
	struct subscriber sub;
};

static int insert(int ko, const char *parameters)
{
	return syscall(SYS_finit_module, ko, parameters, 0);
}

static int remove_mnck(void)
{
	return syscall(SYS_delete_module, "mnck", O_NONBLOCK);
}

static void end_fresh(struct attempt *a)
{
	if (a->fresh > 0) {
		kill(a->fresh, SIGKILL);
		waitpid(a->fresh, NULL, 0);
		a->fresh = 0;
	}
}

/*
 * The mm of a new process has had no subscriber yet, so that what the core
 * allocates for the first is among what fails, each time in its place.
 */
static int prepare_attach(void *arg)
{
	struct attempt *a = arg;

	if (!a->target) {
		end_fresh(a);
		a->fresh = fork();
		if (!a->fresh)
			for (;;)
				pause();
		if (a->fresh < 0)
			return -1;
		a->attach.pid = a->fresh;
	}
	/* A page that is copied while the call runs would be an allocation of it. */
	return own_pages();
}

static int call_attach(void *arg)
{
	struct attempt *a = arg;

	a->attach.size = sizeof(a->attach);
	return ioctl(a->fd, MNCK_ATTACH, &a->attach);
}

/* It has taken the session's only place, and has seen nothing. */
static int undo_attach(void *arg)
{
	struct attempt *a = arg;
	struct subscriber extra, sub = { .fd = a->fd, .id = a->attach.id };
	struct mnck_stats stats, want = {};

	if (mnck_stats(&sub, &stats) || strcmp(mnck_differs(&want, &stats), "") ||
	    mnck_attach(a->fd, 0, MNCK_KIND_COUNTER, &extra) != -1 || errno != ENOSPC)
		return -1;
	return mnck_detach(&sub, &stats);
}

static const struct sweep attach_sweep = {
	.prepare = prepare_attach,
	.call = call_attach,
	.undo = undo_attach,
};

/* Memory that was never touched, under a mirror that has nothing of it. */
static int prepare_fault(void *arg __maybe_unused)
{
	size_t len = PAGES * getpagesize();

	munmap(AREA, len);
	return mmap(AREA, len, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == AREA ? 0 : -1;
}

static int call_mirror(void *arg)
{
	struct attempt *a = arg;

	return ioctl(a->fd, MNCK_MIRROR, &a->mirror);
}

/* How many pages the shadow has, or -1. */
static int shadowed(struct attempt *a)
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

static int check_fault(void *arg)
{
	return shadowed(arg) ? -1 : 0;
}

static int undo_fault(void *arg)
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

static int call_touch(void *arg)
{
	struct attempt *a = arg;

	return ioctl(a->fd, MNCK_TOUCH, &a->touch);
}

static const struct sweep touch_sweep = {
	.call = call_touch,
};

FIXTURE(fail_nth)
{
	int ko;
	int fd;
	/* A session of its own, for who is there before. */
	int other_fd;
	struct victim victim;
	struct attempt attempt;
	/* Whether a call may do without what has failed. */
	bool can_absorb;
};

FIXTURE_SETUP(fail_nth)
{
	const char *path = getenv("MNCK_KO") ?: "/lib/mnck.ko";

	self->fd = -1;
	self->other_fd = -1;
	ASSERT_EQ(0, small_pages());
	ASSERT_EQ(0, victim_start(&self->victim, getpagesize()));
	self->ko = open(path, O_RDONLY | O_CLOEXEC);
	if (self->ko < 0)
		SKIP(return, "no %s to insert again; set MNCK_KO", path);
	ASSERT_EQ(0, remove_mnck());
	ASSERT_EQ(0, insert(self->ko, "max_subscribers=1"));
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	self->other_fd = mnck_open();
	ASSERT_LE(0, self->other_fd);
	self->attempt.fd = self->fd;
}

FIXTURE_TEARDOWN(fail_nth)
{
	fail_setup(FAIL_NOTHING);
	end_fresh(&self->attempt);
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	if (self->other_fd >= 0)
		EXPECT_EQ(0, close(self->other_fd));
	victim_kill(&self->victim);
	if (self->ko < 0)
		return;
	/* None of what failed has kept the module. */
	WAIT_UNTIL(!remove_mnck() || errno != EWOULDBLOCK);
	EXPECT_EQ(0, insert(self->ko, ""));
	close(self->ko);
}

#define ASSERT_CAN_FAIL(_what)                                                    \
	do {                                                                      \
		const char *lacks_ = fail_setup(_what);                           \
										  \
		ASSERT_EQ(NULL, lacks_)                                           \
			TH_LOG("%s: %m: the kernel lacks CONFIG_FAULT_INJECTION_DEBUG_FS, " \
			       "CONFIG_FAILSLAB or CONFIG_FAIL_PAGE_ALLOC", lacks_); \
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
		EXPECT_TRUE(!swept_.absorbed || self->can_absorb);                \
		EXPECT_EQ(0, swept_.wrong_errno);                                 \
		EXPECT_EQ(0, swept_.result);                                      \
	} while (0)

static struct mnck_attach attach_kind(__u32 kind, __u32 flags, pid_t pid)
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
static unsigned int known(__u32 kind, bool second)
{
	if (kind == MNCK_KIND_SHARED && second)
		return 2;
	return second ? 4 : 5;
}

/* Each kind that @_kinds has, plain and locked, as the first of an mm and the second. */
#define SWEEP_ATTACHES(_kinds)                                                    \
	do {                                                                      \
		for (int i_ = 0; i_ < 4 * NR_KINDS; i_++) {                       \
			__u32 kind_ = i_ / 4, flags_ = i_ & 1;                    \
			bool second_ = i_ & 2;                                    \
			struct mnck_stats stats_;                                 \
			struct subscriber first_;                                 \
										  \
			if (!((_kinds) >> kind_ & 1))                             \
				continue;                                         \
			self->attempt.target = second_ ? self->victim.pid : 0;    \
			self->attempt.attach = attach_kind(kind_, flags_, self->victim.pid); \
			if (second_)                                              \
				ASSERT_EQ(0, mnck_attach_how(self->other_fd,      \
							     self->attempt.attach, &first_)); \
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

#define ALL_KINDS ((1U << NR_KINDS) - 1)

#define SWEEP_KIND(_kind)                                                         \
	do {                                                                      \
		ASSERT_CAN_FAIL(FAIL_SLAB);                                       \
		SWEEP_ATTACHES(1U << (_kind));                                    \
	} while (0)

TEST_F_TIMEOUT(fail_nth, counter, MNCK_TIMEOUT)
{
	SWEEP_KIND(MNCK_KIND_COUNTER);
}

TEST_F_TIMEOUT(fail_nth, trylock, MNCK_TIMEOUT)
{
	SWEEP_KIND(MNCK_KIND_TRYLOCK);
}

TEST_F_TIMEOUT(fail_nth, mirror, MNCK_TIMEOUT)
{
	SWEEP_KIND(MNCK_KIND_MIRROR);
}

TEST_F_TIMEOUT(fail_nth, two_pass, MNCK_TIMEOUT)
{
	SWEEP_KIND(MNCK_KIND_TWO_PASS);
}

TEST_F_TIMEOUT(fail_nth, secondary_tlb, MNCK_TIMEOUT)
{
	SWEEP_KIND(MNCK_KIND_SECONDARY_TLB);
}

TEST_F_TIMEOUT(fail_nth, aging, MNCK_TIMEOUT)
{
	SWEEP_KIND(MNCK_KIND_AGING);
}

TEST_F_TIMEOUT(fail_nth, shared, MNCK_TIMEOUT)
{
	SWEEP_KIND(MNCK_KIND_SHARED);
}

TEST_F_TIMEOUT(fail_nth, devices, MNCK_TIMEOUT)
{
	ASSERT_CAN_FAIL(FAIL_SLAB);
	SWEEP_DEVICES();
}

/* The process's own pages, and a page of its page table at least. */
TEST_F_TIMEOUT(fail_nth, pages, MNCK_TIMEOUT)
{
	ASSERT_CAN_FAIL(FAIL_PAGE);
	/* A slab of a lower order does too, and KASAN can lose a stack trace. */
	self->can_absorb = true;
	SWEEP_FAULT(PAGES + 1);
}

/* The target's mm is held by none of the attaches that failed. */
TEST_F_TIMEOUT(fail_nth, target_exits, MNCK_TIMEOUT)
{
	struct subscriber counter;

	ASSERT_CAN_FAIL(FAIL_SLAB);
	for (__u32 kind = 0; kind < NR_KINDS; kind++) {
		self->attempt.target = self->victim.pid;
		self->attempt.attach = attach_kind(kind, 0, self->victim.pid);
		EXPECT_SWEPT(&attach_sweep, known(kind, true), "%s", kind_names[kind]);
	}
	ASSERT_EQ(0, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_COUNTER, &counter));
	ASSERT_EQ(0, victim_send(&self->victim, VICTIM_EXIT, NULL, 0));
	ASSERT_EQ(0, victim_join(&self->victim));
	EXPECT_STATS(&counter, released(saw_nothing()));
}

TEST_F_TIMEOUT(fail_nth, leaks, 2 * MNCK_TIMEOUT)
{
	static char report[1 << 14];
	ssize_t lost;

	ASSERT_EQ(0, kmemleak_forget())
		TH_LOG(KMEMLEAK ": %m: no CONFIG_DEBUG_KMEMLEAK, or it was turned off");
	ASSERT_CAN_FAIL(FAIL_SLAB);
	SWEEP_ATTACHES(ALL_KINDS);
	SWEEP_DEVICES();
	ASSERT_CAN_FAIL(FAIL_NOTHING);
	end_fresh(&self->attempt);

	lost = kmemleak_find("\"fail_nth\"", report, sizeof(report));
	EXPECT_EQ(0, lost)
		TH_LOG("%s", lost < 0 ? "kmemleak does not scan" : report);
}

TEST_HARNESS_MAIN
