// SPDX-License-Identifier: GPL-2.0
/*
 * The interval sequence comes back to even after a range that was refused.
 *
 * Mirrors __mmu_notifier_invalidate_range_start() of mm/mmu_notifier.c: the
 * interval subscribers are called first, and the sequence is odd from there to
 * the end of the range.  When after that one of the others refuses, no end comes,
 * for who is refused must not call it.  Up to Linux 7.3 the core forgets to end
 * the interval side itself: the sequence stays odd, and whoever waits for it does
 * so for ever.  That is an expected failure here; patches/ has the cure.
 *
 * Nothing heals such an address space, and who waits can't be killed.  So each
 * call that may wait is made by a process that nobody waits for, and the session
 * is open there too: the last close would wait as well.  What mnck itself can say
 * of it (rule sequence) it says when the victim has gone.  A machine on which this
 * has failed, as expected or not, must be started anew to remove the module.
 */
#include <poll.h>

#include "interval.h"
#include "mnck_harness.h"
#include "proc.h"
#include "victim.h"

#define AREA_SIZE 0x100000L

/* Where a victim has nothing: no range that is refused overlaps it. */
#define BESIDE (VICTIM_AREA + (1L << 40))

/* A process that makes one call, and then says so. */
struct caller {
	pid_t pid;
	int answer;
};

static int caller_begin(struct caller *caller, struct call *call,
			int (*function)(struct call *call))
{
	int answer[2], result;

	if (pipe2(answer, O_CLOEXEC))
		return -1;
	caller->pid = fork();
	if (caller->pid < 0)
		return -1;
	if (!caller->pid) {
		result = function(call) ? errno : 0;
		if (write(answer[1], &result, sizeof(result)) != sizeof(result))
			_exit(1);
		_exit(0);
	}
	close(answer[1]);
	caller->answer = answer[0];
	return 0;
}

/* The call has returned, or its process has gone. */
static bool caller_done(const struct caller *caller)
{
	struct pollfd answer = { .fd = caller->answer, .events = POLLIN };

	return poll(&answer, 1, 0) == 1;
}

/*
 * It sleeps where the core waits for the sequence.  While nothing invalidates
 * that happens only if the sequence is odd, and then it is odd for ever: there is
 * no need to look for how long.
 */
static bool caller_waits(const struct caller *caller)
{
	return proc_sleeps_in(caller->pid, caller->pid, "mmu_interval_notifier_remove") ||
	       proc_sleeps_in(caller->pid, caller->pid, "mmu_interval_read_begin");
}

/* The errno of the call, or 0. */
static int caller_end(struct caller *caller)
{
	int result;

	if (read(caller->answer, &result, sizeof(result)) != sizeof(result))
		result = -1;
	close(caller->answer);
	waitpid(caller->pid, NULL, 0);
	return result;
}

FIXTURE(sequence)
{
	int fd;
	struct victim victim;
	struct subscriber trylock;
	struct subscriber mirror;
};

FIXTURE_VARIANT(sequence)
{
	/* Of the mirror when the range comes. */
	char *start;
	/* Then there comes another mirror, and that is the one called. */
	bool another;
	int (*call)(struct call *call);
};

FIXTURE_VARIANT_ADD(sequence, detach)
{
	.start = VICTIM_AREA,
	.call = call_detach,
};

FIXTURE_VARIANT_ADD(sequence, fault)
{
	.start = VICTIM_AREA,
	.call = call_fault,
};

/* It was even in the range, and is made odd by who comes next. */
FIXTURE_VARIANT_ADD(sequence, fault_later)
{
	.start = BESIDE,
	.another = true,
	.call = call_fault,
};

FIXTURE_SETUP(sequence)
{
	struct victim *v = &self->victim;

	self->fd = -1;
	ASSERT_EQ(0, victim_start(v, AREA_SIZE));
	ASSERT_EQ(0, victim_trace_exit(v));
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, mnck_attach(self->fd, v->pid, MNCK_KIND_TRYLOCK, &self->trylock));
	ASSERT_EQ(0, interval_attach(self->fd, v->pid, MNCK_KIND_MIRROR, 0, variant->start,
				     AREA_SIZE, &self->mirror));
	ASSERT_EQ(0, kill(v->pid, SIGKILL));
	ASSERT_EQ(0, victim_wait_exit_stop(v));
}

FIXTURE_TEARDOWN(sequence)
{
	/* Not the last close, if one still waits. */
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	victim_kill(&self->victim);
}

/* Begins the call that is to return; all ranges have been refused or ended by now. */
#define BEGIN_CALL(_caller)                                                             \
	do {                                                                            \
		struct call call_ = {                                                   \
			.sub = self->mirror,                                            \
			.start = VICTIM_AREA,                                           \
			.len = getpagesize(),                                           \
		};                                                                      \
											\
		if (variant->another)                                                   \
			ASSERT_EQ(0, interval_attach(self->fd, self->victim.pid,        \
						     MNCK_KIND_MIRROR, 0, VICTIM_AREA,  \
						     AREA_SIZE, &call_.sub));           \
		ASSERT_EQ(0, caller_begin(_caller, &call_, variant->call));             \
		WAIT_UNTIL(caller_done(_caller) || caller_waits(_caller));              \
	} while (0)

/* Announces what mnck will say of it. */
#define EXPECT_STUCK(_mirror, _trylock)                                                 \
	ksft_print_msg(									\
		"mnck-expect: WARN sequence: mirror %llu: sequence is odd since trylock %llu\n", \
		_mirror, _trylock)

/* When nobody refuses. */
TEST_F_TIMEOUT(sequence, granted, MNCK_TIMEOUT)
{
	struct caller caller;

	ASSERT_EQ(0, victim_mrelease(&self->victim));
	BEGIN_CALL(&caller);
	ASSERT_TRUE(caller_done(&caller));
	/* What the reaper has taken is not faulted in again. */
	EXPECT_EQ(variant->call == call_fault ? EFAULT : 0, caller_end(&caller));
}

TEST_F_TIMEOUT(sequence, refused, MNCK_TIMEOUT)
{
	__u64 mirror = stats_now(&self->mirror).serial;
	struct caller caller;

	ASSERT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_HOLD));
	EXPECT_ERRNO(EAGAIN, victim_mrelease(&self->victim));
	EXPECT_EQ(!variant->another, stats_now(&self->mirror).starts);
	ASSERT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_RELEASE));

	BEGIN_CALL(&caller);
	if (!caller_done(&caller)) {
		/* The mirror that saw the range will see that when the victim goes. */
		if (!variant->another)
			EXPECT_STUCK(mirror, stats_now(&self->trylock).serial);
		XFAIL(return, "the core has not ended the interval side, and never will");
	}
	EXPECT_EQ(0, caller_end(&caller));
}

TEST_HARNESS_MAIN
