// SPDX-License-Identifier: GPL-2.0
/*
 * Proves that starts and ends balance when the OOM reaper reaps a process, whether
 * another subscriber refuses the ranges or not, and whichever is called first.  The
 * OOM reaper is the only caller in mm whose ranges are non-blockable.
 *
 * The tests expect what __oom_reap_task_mm() of mm/oom_kill.c does: one CLEAR for
 * each VMA that can be reaped, from the highest address down.  And they expect what
 * __mmu_notifier_invalidate_range_start() does: when one subscriber refuses a range,
 * the core still calls the other starts, and then calls the end of each subscriber
 * that has one.
 *
 * The victim stops in exit (PTRACE_O_TRACEEXIT), where it still has its mm, and stays
 * there while it is reaped.  So no test depends on timing.
 */
#include "mnck_harness.h"
#include "oom.h"
#include "option.h"
#include "proc.h"
#include "victim.h"

#define AREA_SIZE (4L << 20)

/* process_mrelease(2) reaps as the OOM reaper does, but in the calling task. */
FIXTURE(mrelease)
{
	int fd;
	struct victim victim;
	struct subscriber counter;
	struct subscriber trylock;
};

/* The core calls the subscriber first that was registered last. */
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

	ASSERT_EQ(0, victim_doom(v));
	EXPECT_STATS(&self->counter, saw_nothing());
	EXPECT_STATS(&self->trylock, saw_nothing());
}

FIXTURE_TEARDOWN(mrelease)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	victim_kill(&self->victim);
}

/* While the lock is free nothing is refused, and the memory is reaped. */
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

	/* A second process_mrelease() sends the same ranges, although nothing is left. */
	ASSERT_EQ(0, victim_mrelease(v));
	EXPECT_STATS(&self->counter, saw_reaps(MNCK_KIND_COUNTER, &reap, 2));
	EXPECT_STATS(&self->trylock, saw_reaps(MNCK_KIND_TRYLOCK, &reap, 2));

	/* The exit releases the subscribers, which see no range of it. */
	status = victim_join(v);
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_STATS(&self->counter, released(saw_reaps(MNCK_KIND_COUNTER, &reap, 2)));
	EXPECT_STATS(&self->trylock, released(saw_reaps(MNCK_KIND_TRYLOCK, &reap, 2)));
}

/*
 * While the lock is held the trylock refuses each range: process_mrelease() fails with
 * EAGAIN and reaps nothing, and the counter gets an end for each start.
 */
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
		/* No page of a range that was refused is reaped. */
		EXPECT_EQ(rss, proc_rss_anon(v->pid));
	}

	ASSERT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_RELEASE));
	ASSERT_EQ(0, victim_mrelease(v));
	EXPECT_STATS(&self->counter, saw_reaps(MNCK_KIND_COUNTER, &reap, 3));
	EXPECT_STATS(&self->trylock,
		     refused(saw_reaps(MNCK_KIND_TRYLOCK, &reap, 3), 2 * reap.vmas));
	EXPECT_EQ(0, proc_rss_anon(v->pid));
}

/* The oom_reaper kernel thread. */
FIXTURE(oom_reaper)
{
	int fd;
	struct oom_group group;
	struct victim victim;
	/* The core calls counters[1] before the trylock, and counters[0] after it. */
	struct subscriber counters[2];
	struct subscriber trylock;
};

/* Starts a victim that is still within its memory limit, and attaches all subscribers. */
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

/* Both counters have the same statistics, whether called before the trylock or after. */
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

/* While the lock is free the oom_reaper reaps the victim at its first try. */
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

/* An oom_reaper that was refused tries again, and reaps when the lock is free. */
TEST_F_TIMEOUT(oom_reaper, lock_released, MNCK_TIMEOUT)
{
	struct victim *v = &self->victim;
	struct mnck_stats trylock;
	int verdict;
	struct reapable reap;
	unsigned int rounds;

	/*
	 * The oom_reaper makes its last try one second after the first refusal.
	 * If the machine was too slow to release the lock by then, the test starts
	 * again with a new victim.
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
		TH_LOG("the oom_reaper gave up before the lock was released: trying again");
		victim_kill(v);
	}

	/* Each round sends a range for each VMA; in the last round none is refused. */
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

/*
 * An oom_reaper that is refused each time gives up: no memory is reaped and no range
 * is left open.  The exit of the victim frees the memory.
 */
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
	/* The victim still has at least its first area, which reclaim cannot take. */
	ASSERT_LE(AREA_SIZE / 1024, rss);

	ASSERT_EQ(GAVE_UP, oom_verdict(&self->group, v));
	counter = saw_reaps(MNCK_KIND_COUNTER, &reap, REAPER_TRIES);
	trylock = refused(saw_reaps(MNCK_KIND_TRYLOCK, &reap, REAPER_TRIES),
			  REAPER_TRIES * reap.vmas);
	EXPECT_COUNTERS(counter);
	EXPECT_STATS(&self->trylock, trylock);
	EXPECT_EQ(rss, proc_rss_anon(v->pid));

	/*
	 * The oom_reaper has marked this mm with MMF_OOM_SKIP, so neither it nor
	 * process_mrelease() tries again.  The victim's exit unmaps without
	 * sending a range, so the held lock cannot keep the memory.
	 */
	status = victim_join(v);
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_COUNTERS(released(counter));
	EXPECT_STATS(&self->trylock, released(trylock));
	EXPECT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_RELEASE));
}

TEST_HARNESS_MAIN
