// SPDX-License-Identifier: GPL-2.0
/*
 * A chain of two members on one mm: A counts its starts and ends, B may refuse a
 * start.  Whichever member is first, when B refuses a range A gets an end for each
 * start, and is left with no open range.
 *
 * Four registrations on the same mm are not in the chain: a counter and a trylock
 * that the core calls after the chain (old), and a counter and a trylock that it
 * calls before the chain (new).  When one of these trylocks refuses a range, the
 * members that have started it get its end, as from a range that succeeds.
 *
 * The non-blockable ranges come from process_mrelease() and from the oom_reaper, as
 * in oom_reap.c.
 */
#include "chain.h"
#include "mnck_harness.h"
#include "oom.h"
#include "option.h"
#include "proc.h"
#include "reap_victim.h"
#include "victim.h"

#define AREA_SIZE (1024 * 1024L)

/* Two subscribers that are not in the chain. */
struct pair {
	struct subscriber counter;
	struct subscriber trylock;
};

/* A victim, and all subscribers that are attached to it. */
struct scene {
	int fd;
	struct victim victim;
	struct reapable reap;
	struct pair old;
	struct pair new;
	struct subscriber chain;
	struct subscriber a;
	struct subscriber b;
};

static int attach_pair(const struct scene *s, struct pair *pair)
{
	return mnck_attach(s->fd, s->victim.pid, MNCK_KIND_COUNTER, &pair->counter) ||
	       mnck_attach(s->fd, s->victim.pid, MNCK_KIND_TRYLOCK, &pair->trylock);
}

static int attach_all(struct scene *s, bool b_is_first)
{
	return attach_pair(s, &s->old) ||
	       chain_attach(s->fd, s->victim.pid, &s->chain) ||
	       (b_is_first && chain_join(&s->chain, MNCK_KIND_TRYLOCK, &s->b)) ||
	       chain_join(&s->chain, MNCK_KIND_COUNTER, &s->a) ||
	       (!b_is_first && chain_join(&s->chain, MNCK_KIND_TRYLOCK, &s->b)) ||
	       attach_pair(s, &s->new);
}

/* How often the victim was to be reaped, and in how many of these rounds B refused. */
struct rounds {
	unsigned int all;
	unsigned int refused;
};

static struct mnck_stats want_a(const struct scene *s, bool b_is_first, struct rounds n)
{
	/* If B is first and refuses, A is not started. */
	return saw_reaps(MNCK_KIND_COUNTER, &s->reap, b_is_first ? n.all - n.refused : n.all);
}

static struct mnck_stats want_b(const struct scene *s, struct rounds n)
{
	__u64 refused = (__u64)n.refused * s->reap.vmas, all = (__u64)n.all * s->reap.vmas;

	return paired_off(saw_reaps(MNCK_KIND_COUNTER, &s->reap, n.all), refused, all - refused, 0);
}

static struct mnck_stats want_trylock(const struct scene *s, unsigned int rounds, __u64 refusals)
{
	return refused(saw_reaps(MNCK_KIND_TRYLOCK, &s->reap, rounds), refusals);
}

#define EXPECT_SCENE(_s, _b_is_first, ...)                                            \
	do {                                                                      \
		struct rounds n_ = { __VA_ARGS__ };                               \
										  \
		/* The chain counts as a counter before B would. */               \
		EXPECT_MEMBER(&(_s)->chain, want_a(_s, false, n_));               \
		EXPECT_MEMBER(&(_s)->a, want_a(_s, _b_is_first, n_));             \
		EXPECT_MEMBER(&(_s)->b, want_b(_s, n_));                          \
		EXPECT_STATS(&(_s)->old.counter,                                  \
			     saw_reaps(MNCK_KIND_COUNTER, &(_s)->reap, n_.all));  \
		EXPECT_STATS(&(_s)->new.counter,                                  \
			     saw_reaps(MNCK_KIND_COUNTER, &(_s)->reap, n_.all));  \
	} while (0)

/* The members got the start of the last range in the order of joining, its end in reverse. */
#define EXPECT_ORDER(_s, _b_is_first)                                                 \
	do {                                                                      \
		struct mnck_stats chain_ = stats_now(&(_s)->chain);               \
		struct mnck_stats a_ = stats_now(&(_s)->a), b_ = stats_now(&(_s)->b); \
		struct mnck_stats *first_ = (_b_is_first) ? &b_ : &a_;    \
		struct mnck_stats *second_ = (_b_is_first) ? &a_ : &b_;   \
										  \
		EXPECT_LT(chain_.last_start_order, first_->last_start_order);     \
		EXPECT_LT(first_->last_start_order, second_->last_start_order);   \
		EXPECT_LT(second_->last_start_order, second_->last_end_order);    \
		EXPECT_LT(second_->last_end_order, first_->last_end_order);       \
		EXPECT_LT(first_->last_end_order, chain_.last_end_order);         \
	} while (0)

FIXTURE(chain)
{
	struct scene scene;
};

FIXTURE_VARIANT(chain)
{
	bool b_is_first;
};

FIXTURE_VARIANT_ADD(chain, a_first) { .b_is_first = false };
FIXTURE_VARIANT_ADD(chain, b_first) { .b_is_first = true };

FIXTURE_SETUP(chain)
{
	struct scene *s = &self->scene;

	s->fd = -1;
	ASSERT_EQ(0, victim_start(&s->victim, AREA_SIZE));
	ASSERT_EQ(0, victim_trace_exit(&s->victim));
	s->fd = mnck_open();
	ASSERT_LE(0, s->fd);
	ASSERT_EQ(0, attach_all(s, variant->b_is_first));
	ASSERT_EQ(0, kill(s->victim.pid, SIGKILL));
	ASSERT_EQ(0, victim_wait_exit_stop(&s->victim));
	ASSERT_EQ(0, proc_reapable(s->victim.pid, &s->reap));
}

FIXTURE_TEARDOWN(chain)
{
	if (self->scene.fd >= 0)
		EXPECT_EQ(0, close(self->scene.fd));
	victim_kill(&self->scene.victim);
}

/* While B's lock is free, no start is refused and the victim is reaped. */
TEST_F_TIMEOUT(chain, lock_free, MNCK_TIMEOUT)
{
	struct scene *s = &self->scene;
	struct mnck_stats stats;
	int status;

	ASSERT_EQ(0, victim_mrelease(&s->victim));
	EXPECT_SCENE(s, variant->b_is_first, .all = 1);
	EXPECT_ORDER(s, variant->b_is_first);
	EXPECT_EQ(0, proc_rss_anon(s->victim.pid));

	/* The exit releases each of them once. */
	status = victim_join(&s->victim);
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_MEMBER(&s->chain, released(saw_reaps(MNCK_KIND_COUNTER, &s->reap, 1)));
	EXPECT_MEMBER(&s->a, released(saw_reaps(MNCK_KIND_COUNTER, &s->reap, 1)));
	EXPECT_MEMBER(&s->b, released(saw_reaps(MNCK_KIND_COUNTER, &s->reap, 1)));

	/* A later detach releases nothing a second time. */
	EXPECT_ERRNO(EBUSY, mnck_detach(&s->chain, &stats));
	EXPECT_LEAVE(&s->a, saw_reaps(MNCK_KIND_COUNTER, &s->reap, 1));
	EXPECT_LEAVE(&s->b, saw_reaps(MNCK_KIND_COUNTER, &s->reap, 1));
	EXPECT_LEAVE(&s->chain, saw_reaps(MNCK_KIND_COUNTER, &s->reap, 1));
}

/*
 * While B's lock is held, B refuses all ranges and no memory is reaped.  Once the lock is
 * free, the victim is reaped.
 */
TEST_F_TIMEOUT(chain, lock_held, MNCK_TIMEOUT)
{
	struct scene *s = &self->scene;
	long rss;

	rss = proc_rss_anon(s->victim.pid);
	ASSERT_LE(AREA_SIZE / 1024, rss);
	ASSERT_EQ(0, mnck_lock(&s->b, MNCK_LOCK_HOLD));
	for (unsigned int round = 1; round <= 2; round++) {
		EXPECT_ERRNO(EAGAIN, victim_mrelease(&s->victim));
		EXPECT_SCENE(s, variant->b_is_first, .all = round, .refused = round);
		/* Not one page was taken while B refused. */
		EXPECT_EQ(rss, proc_rss_anon(s->victim.pid));
	}

	ASSERT_EQ(0, mnck_lock(&s->b, MNCK_LOCK_RELEASE));
	ASSERT_EQ(0, victim_mrelease(&s->victim));
	EXPECT_SCENE(s, variant->b_is_first, .all = 3, .refused = 2);
	EXPECT_ORDER(s, variant->b_is_first);
	EXPECT_EQ(0, proc_rss_anon(s->victim.pid));

	victim_join(&s->victim);
	EXPECT_EQ(0, stats_now(&s->a).open);
	EXPECT_EQ(0, stats_now(&s->a).closed_by_detach);
	EXPECT_EQ(0, stats_now(&s->b).open);
}

/*
 * B refuses all ranges until it leaves the chain.  That its lock is taken does not matter then:
 * the victim is reaped, and each start of A has its end.
 */
TEST_F_TIMEOUT(chain, refuser_leaves, MNCK_TIMEOUT)
{
	struct scene *s = &self->scene;
	struct mnck_stats stats;
	long rss;

	rss = proc_rss_anon(s->victim.pid);
	ASSERT_EQ(0, mnck_lock(&s->b, MNCK_LOCK_HOLD));
	EXPECT_ERRNO(EAGAIN, victim_mrelease(&s->victim));
	EXPECT_EQ(rss, proc_rss_anon(s->victim.pid));
	EXPECT_EQ(s->reap.vmas, stats_now(&s->b).refusals);
	ASSERT_EQ(0, mnck_detach(&s->b, &stats));

	ASSERT_EQ(0, victim_mrelease(&s->victim));
	EXPECT_EQ(0, proc_rss_anon(s->victim.pid));
	EXPECT_MEMBER(&s->a, want_a(s, variant->b_is_first, (struct rounds){ 2, 1 }));
}

/*
 * A registration outside the chain refuses ranges that all members have started: each
 * member gets its end.
 */
TEST_F_TIMEOUT(chain, foreign_refuses, MNCK_TIMEOUT)
{
	struct scene *s = &self->scene;
	__u64 vmas = s->reap.vmas;

	ASSERT_EQ(0, mnck_lock(&s->old.trylock, MNCK_LOCK_HOLD));
	EXPECT_ERRNO(EAGAIN, victim_mrelease(&s->victim));
	EXPECT_SCENE(s, variant->b_is_first, .all = 1);
	EXPECT_ORDER(s, variant->b_is_first);

	ASSERT_EQ(0, mnck_lock(&s->new.trylock, MNCK_LOCK_HOLD));
	EXPECT_ERRNO(EAGAIN, victim_mrelease(&s->victim));
	EXPECT_SCENE(s, variant->b_is_first, .all = 2);
	EXPECT_ORDER(s, variant->b_is_first);

	ASSERT_EQ(0, mnck_lock(&s->old.trylock, MNCK_LOCK_RELEASE));
	EXPECT_ERRNO(EAGAIN, victim_mrelease(&s->victim));
	EXPECT_SCENE(s, variant->b_is_first, .all = 3);
	EXPECT_ORDER(s, variant->b_is_first);

	/* Both trylocks and B refuse at once: the core ends the range once. */
	ASSERT_EQ(0, mnck_lock(&s->old.trylock, MNCK_LOCK_HOLD));
	ASSERT_EQ(0, mnck_lock(&s->b, MNCK_LOCK_HOLD));
	EXPECT_ERRNO(EAGAIN, victim_mrelease(&s->victim));
	EXPECT_SCENE(s, variant->b_is_first, .all = 4, .refused = 1);
	EXPECT_STATS(&s->old.trylock, want_trylock(s, 4, 3 * vmas));
	EXPECT_STATS(&s->new.trylock, want_trylock(s, 4, 3 * vmas));
}

/* As above, with the kernel's oom_reaper in place of process_mrelease(). */
FIXTURE(oom_reaper)
{
	struct oom_group group;
	struct scene scene;
};

FIXTURE_VARIANT(oom_reaper)
{
	bool b_is_first;
};

FIXTURE_VARIANT_ADD(oom_reaper, a_first) { .b_is_first = false };
FIXTURE_VARIANT_ADD(oom_reaper, b_first) { .b_is_first = true };

FIXTURE_SETUP(oom_reaper)
{
	struct scene *s = &self->scene;

	s->fd = -1;
	self->group.kmsg = -1;
	REQUIRE_OPTION(has_memcg(), "MEMCG");
	ASSERT_EQ(0, oom_make(&self->group));
	ASSERT_EQ(0, oom_start(&self->group, &s->victim, AREA_SIZE));
	s->fd = mnck_open();
	ASSERT_LE(0, s->fd);
	ASSERT_EQ(0, attach_all(s, variant->b_is_first));
}

FIXTURE_TEARDOWN(oom_reaper)
{
	if (self->scene.fd >= 0)
		EXPECT_EQ(0, close(self->scene.fd));
	victim_kill(&self->scene.victim);
	EXPECT_EQ(0, oom_remove(&self->group));
}

/* B refuses at each try of the oom_reaper, which gives up. */
TEST_F_TIMEOUT(oom_reaper, lock_held, MNCK_TIMEOUT)
{
	struct scene *s = &self->scene;

	ASSERT_EQ(0, mnck_lock(&s->b, MNCK_LOCK_HOLD));
	ASSERT_EQ(0, oom_touch(&s->victim));
	ASSERT_EQ(0, proc_reapable(s->victim.pid, &s->reap));
	ASSERT_EQ(GAVE_UP, oom_verdict(&self->group, &s->victim));
	EXPECT_SCENE(s, variant->b_is_first, .all = REAPER_TRIES, .refused = REAPER_TRIES);
}

/* While B's lock is free, the oom_reaper reaps the victim in its first try. */
TEST_F_TIMEOUT(oom_reaper, lock_free, MNCK_TIMEOUT)
{
	struct scene *s = &self->scene;

	ASSERT_EQ(0, oom_touch(&s->victim));
	ASSERT_EQ(0, proc_reapable(s->victim.pid, &s->reap));
	ASSERT_EQ(REAPED, oom_verdict(&self->group, &s->victim));
	EXPECT_SCENE(s, variant->b_is_first, .all = 1);
	EXPECT_ORDER(s, variant->b_is_first);
	EXPECT_EQ(0, proc_rss_anon(s->victim.pid));
}

TEST_HARNESS_MAIN
