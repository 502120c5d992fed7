// SPDX-License-Identifier: GPL-2.0
/*
 * The OOM reaper's path, the only one whose ranges are non-blockable.
 *
 * Mirrors __oom_reap_task_mm() of mm/oom_kill.c: one CLEAR for each VMA that can
 * be reaped, from the highest address down; and __mmu_notifier_invalidate_
 * range_start(): when one subscriber refuses a range, all others are called
 * still, and then all that have an end get one.  So a counter must balance
 * whatever a trylock on the same mm says, and whichever of them runs first.
 *
 * No luck is needed: the victim stops in exit (PTRACE_O_TRACEEXIT) with its mm,
 * and stays there while it is reaped.
 */
#include "mnck_harness.h"
#include "oom.h"
#include "option.h"
#include "proc.h"
#include "victim.h"

#define AREA_SIZE (4L << 20)

static struct mnck_stats refused(struct mnck_stats want, __u64 refusals)
{
	want.refusals = refusals;
	return want;
}

/* process_mrelease(2): the same, done by the caller and at once. */
FIXTURE(mrelease)
{
	int fd;
	struct victim victim;
	struct subscriber counter;
	struct subscriber trylock;
};

/* The newest registration runs first. */
FIXTURE_VARIANT(mrelease)
{
	bool trylock_is_newest;
};

FIXTURE_VARIANT_ADD(mrelease, trylock_first)
{
	.trylock_is_newest = true,
};

FIXTURE_VARIANT_ADD(mrelease, counter_first)
{
	.trylock_is_newest = false,
};

FIXTURE_SETUP(mrelease)
{
	struct victim *v = &self->victim;

	self->fd = -1;
	ASSERT_EQ(0, victim_start(v, AREA_SIZE));
	ASSERT_EQ(0, victim_trace_exit(v));
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);

	if (!variant->trylock_is_newest)
		ASSERT_EQ(0, mnck_attach(self->fd, v->pid, MNCK_KIND_TRYLOCK, &self->trylock));
	ASSERT_EQ(0, mnck_attach(self->fd, v->pid, MNCK_KIND_COUNTER, &self->counter));
	if (variant->trylock_is_newest)
		ASSERT_EQ(0, mnck_attach(self->fd, v->pid, MNCK_KIND_TRYLOCK, &self->trylock));

	ASSERT_EQ(0, kill(v->pid, SIGKILL));
	ASSERT_EQ(0, victim_wait_exit_stop(v));
	EXPECT_STATS(&self->counter, saw_nothing());
	EXPECT_STATS(&self->trylock, saw_nothing());
}

FIXTURE_TEARDOWN(mrelease)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	victim_kill(&self->victim);
}

TEST_F_TIMEOUT(mrelease, lock_free, MNCK_TIMEOUT)
{
	struct victim *v = &self->victim;
	struct reapable reap;
	int status;

	ASSERT_EQ(0, proc_reapable(v->pid, &reap));
	ASSERT_LE(AREA_SIZE / 1024, proc_rss_anon(v->pid));

	ASSERT_EQ(0, victim_mrelease(v));
	EXPECT_STATS(&self->counter, saw_reaps(MNCK_KIND_COUNTER, &reap, 1));
	EXPECT_STATS(&self->trylock, saw_reaps(MNCK_KIND_TRYLOCK, &reap, 1));
	/* All of its anonymous memory is private, so nothing is left. */
	EXPECT_EQ(0, proc_rss_anon(v->pid));

	/* process_mrelease() does not remember; there is nothing left, yet it asks. */
	ASSERT_EQ(0, victim_mrelease(v));
	EXPECT_STATS(&self->counter, saw_reaps(MNCK_KIND_COUNTER, &reap, 2));
	EXPECT_STATS(&self->trylock, saw_reaps(MNCK_KIND_TRYLOCK, &reap, 2));

	/* The exit itself: released, and nothing after that. */
	status = victim_join(v);
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_STATS(&self->counter, released(saw_reaps(MNCK_KIND_COUNTER, &reap, 2)));
	EXPECT_STATS(&self->trylock, released(saw_reaps(MNCK_KIND_TRYLOCK, &reap, 2)));
}

TEST_F_TIMEOUT(mrelease, lock_held, MNCK_TIMEOUT)
{
	struct victim *v = &self->victim;
	struct reapable reap;
	long rss;

	ASSERT_EQ(0, proc_reapable(v->pid, &reap));
	rss = proc_rss_anon(v->pid);
	ASSERT_LE(AREA_SIZE / 1024, rss);
	ASSERT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_HOLD));

	for (int round = 1; round <= 2; round++) {
		EXPECT_ERRNO(EAGAIN, victim_mrelease(v));
		EXPECT_STATS(&self->counter, saw_reaps(MNCK_KIND_COUNTER, &reap, round));
		EXPECT_STATS(&self->trylock,
			     refused(saw_reaps(MNCK_KIND_TRYLOCK, &reap, round),
				     round * reap.vmas));
		/* Not one page was taken behind the back of who refused. */
		EXPECT_EQ(rss, proc_rss_anon(v->pid));
	}

	ASSERT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_RELEASE));
	ASSERT_EQ(0, victim_mrelease(v));
	EXPECT_STATS(&self->counter, saw_reaps(MNCK_KIND_COUNTER, &reap, 3));
	EXPECT_STATS(&self->trylock,
		     refused(saw_reaps(MNCK_KIND_TRYLOCK, &reap, 3), 2 * reap.vmas));
	EXPECT_EQ(0, proc_rss_anon(v->pid));
}

/* The kernel's own oom_reaper. */
FIXTURE(oom_reaper)
{
	int fd;
	struct oom_group group;
	struct victim victim;
	/* Called after who refuses, and before: the core calls the newest first. */
	struct subscriber counters[2];
	struct subscriber trylock;
};

/* A victim that is small still, with all subscribers. */
#define START_VICTIM()                                                          \
	do {                                                                    \
		ASSERT_EQ(0, oom_start(&self->group, &self->victim, AREA_SIZE)); \
		ASSERT_EQ(0, mnck_attach(self->fd, self->victim.pid,            \
					 MNCK_KIND_COUNTER, &self->counters[0])); \
		ASSERT_EQ(0, mnck_attach(self->fd, self->victim.pid,            \
					 MNCK_KIND_TRYLOCK, &self->trylock));   \
		ASSERT_EQ(0, mnck_attach(self->fd, self->victim.pid,            \
					 MNCK_KIND_COUNTER, &self->counters[1])); \
	} while (0)

/* Whether it comes before who refuses or after, a counter gets its ends. */
#define EXPECT_COUNTERS(_want)                                                  \
	do {                                                                    \
		struct mnck_stats both_ = _want;                                \
										\
		for (size_t i_ = 0; i_ < ARRAY_SIZE(self->counters); i_++)      \
			EXPECT_STATS(&self->counters[i_], both_);               \
	} while (0)

FIXTURE_SETUP(oom_reaper)
{
	self->fd = -1;
	self->group.kmsg = -1;
	REQUIRE_OPTION(has_memcg(), "MEMCG");
	ASSERT_EQ(0, oom_make(&self->group));
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(oom_reaper)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	victim_kill(&self->victim);
	EXPECT_EQ(0, oom_remove(&self->group));
}

TEST_F_TIMEOUT(oom_reaper, lock_free, MNCK_TIMEOUT)
{
	struct victim *v = &self->victim;
	struct reapable reap;

	START_VICTIM();
	ASSERT_EQ(0, oom_touch(v));
	ASSERT_EQ(0, proc_reapable(v->pid, &reap));

	ASSERT_EQ(REAPED, oom_verdict(&self->group, v));
	EXPECT_COUNTERS(saw_reaps(MNCK_KIND_COUNTER, &reap, 1));
	EXPECT_STATS(&self->trylock, saw_reaps(MNCK_KIND_TRYLOCK, &reap, 1));
	EXPECT_EQ(0, proc_rss_anon(v->pid));
}

/* Refused at least once, and reaped when it comes again. */
TEST_F_TIMEOUT(oom_reaper, lock_released, MNCK_TIMEOUT)
{
	struct victim *v = &self->victim;
	struct mnck_stats trylock;
	int verdict;
	struct reapable reap;
	unsigned int rounds;

	/*
	 * There is a second from the first refusal to the last try.  A machine
	 * that stands still for that long has shown nothing, and does it again.
	 */
	for (;;) {
		START_VICTIM();
		ASSERT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_HOLD));
		ASSERT_EQ(0, oom_touch(v));
		ASSERT_EQ(0, proc_reapable(v->pid, &reap));
		WAIT_UNTIL(stats_now(&self->trylock).refusals);
		ASSERT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_RELEASE));
		verdict = oom_verdict(&self->group, v);
		ASSERT_LE(0, verdict);
		if (verdict == REAPED)
			break;
		TH_LOG("the oom_reaper gave up too soon: once more");
		victim_kill(v);
	}

	/* Each round tries all VMAs, and the last one refuses none. */
	rounds = stats_now(&self->counters[0]).starts / reap.vmas;
	EXPECT_LE(2, rounds);
	EXPECT_GE(REAPER_TRIES, rounds);
	EXPECT_COUNTERS(saw_reaps(MNCK_KIND_COUNTER, &reap, rounds));

	trylock = stats_now(&self->trylock);
	EXPECT_LE(1, trylock.refusals);
	EXPECT_GE((__u64)(rounds - 1) * reap.vmas, trylock.refusals);
	EXPECT_SAME_STATS(MNCK_KIND_TRYLOCK,
			  refused(saw_reaps(MNCK_KIND_TRYLOCK, &reap, rounds), trylock.refusals),
			  &trylock);
	EXPECT_EQ(0, proc_rss_anon(v->pid));
}

/* Refused to the end: nothing is reaped, nothing is left open, the exit frees it. */
TEST_F_TIMEOUT(oom_reaper, lock_held, MNCK_TIMEOUT)
{
	struct victim *v = &self->victim;
	struct mnck_stats counter, trylock;
	struct reapable reap;
	long rss;
	int status;

	START_VICTIM();
	ASSERT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_HOLD));
	ASSERT_EQ(0, oom_touch(v));
	ASSERT_EQ(0, proc_reapable(v->pid, &reap));
	rss = proc_rss_anon(v->pid);
	/* Its own area, which nothing could be reclaimed of. */
	ASSERT_LE(AREA_SIZE / 1024, rss);

	ASSERT_EQ(GAVE_UP, oom_verdict(&self->group, v));
	counter = saw_reaps(MNCK_KIND_COUNTER, &reap, REAPER_TRIES);
	trylock = refused(saw_reaps(MNCK_KIND_TRYLOCK, &reap, REAPER_TRIES),
			  REAPER_TRIES * reap.vmas);
	EXPECT_COUNTERS(counter);
	EXPECT_STATS(&self->trylock, trylock);
	EXPECT_EQ(rss, proc_rss_anon(v->pid));

	/*
	 * The reaper has crossed this mm off its list (MMF_OOM_SKIP), and for
	 * process_mrelease() too.  The victim's exit asks nobody: a held lock
	 * cannot keep the memory.
	 */
	status = victim_join(v);
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_COUNTERS(released(counter));
	EXPECT_STATS(&self->trylock, released(trylock));
	EXPECT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_RELEASE));
}

TEST_HARNESS_MAIN
