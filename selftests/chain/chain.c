// SPDX-License-Identifier: GPL-2.0
/*
 * What a chain is for: A counts its starts and ends, B may refuse, and both are on
 * one mm.  Whoever comes first, and whatever the policy, B's refusal is made good
 * as the policy says: by the default one, exact, A's open count is 0.
 *
 * On the same mm there are registrations that are in no chain: a counter and a
 * trylock that the core calls after the chain (old), and two that it calls before
 * (new).  Their refusals end the chain's range as its own end would.
 *
 * Refusals come from process_mrelease() and from the oom_reaper, as in oom_reap.c.
 */
#include "chain.h"
#include "mnck_harness.h"
#include "oom.h"
#include "option.h"
#include "proc.h"
#include "victim.h"

#define AREA_SIZE (1024 * 1024L)

struct pair {
	struct subscriber counter;
	struct subscriber trylock;
};

/* A victim, and all that is attached to it. */
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

struct how {
	__u32 policy;
	bool b_is_first;
};

static int attach_pair(const struct scene *s, struct pair *pair)
{
	return mnck_attach(s->fd, s->victim.pid, MNCK_KIND_COUNTER, &pair->counter) ||
	       mnck_attach(s->fd, s->victim.pid, MNCK_KIND_TRYLOCK, &pair->trylock);
}

static int attach_all(struct scene *s, const struct how *how)
{
	return attach_pair(s, &s->old) ||
	       chain_attach(s->fd, s->victim.pid, how->policy, &s->chain) ||
	       (how->b_is_first && chain_join(&s->chain, MNCK_KIND_TRYLOCK, &s->b)) ||
	       chain_join(&s->chain, MNCK_KIND_COUNTER, &s->a) ||
	       (!how->b_is_first && chain_join(&s->chain, MNCK_KIND_TRYLOCK, &s->b)) ||
	       attach_pair(s, &s->new);
}

/* So many rounds, of which in so many B refused and nobody else did. */
struct rounds {
	unsigned int all;
	unsigned int refused;
};

static struct mnck_stats want_a(const struct scene *s, const struct how *how, struct rounds n)
{
	__u64 refused = (__u64)n.refused * s->reap.vmas, all = (__u64)n.all * s->reap.vmas;

	/* Behind B it is not started, unless all are. */
	if (how->b_is_first && how->policy != MNCK_POLICY_ALL)
		return saw_reaps(MNCK_KIND_COUNTER, &s->reap, n.all - n.refused);
	/* Before B it has started: nobody ends it, which rule pairing sees, or somebody does. */
	if (how->policy == MNCK_POLICY_SKIP) {
		struct mnck_stats want = saw_reaps(MNCK_KIND_COUNTER, &s->reap, n.all);

		want.violations[MNCK_RULE_PAIRING] = refused;
		return paired_off(want, 0, all - refused, 0);
	}
	return saw_reaps(MNCK_KIND_COUNTER, &s->reap, n.all);
}

/* A's start without an end is reported, once. */
static void announce_refusals(const struct scene *s, const struct how *how)
{
	if (how->policy == MNCK_POLICY_SKIP && !how->b_is_first)
		ksft_print_msg("mnck-expect: WARN pairing: counter %llu: start without an end\n",
			       stats_now(&s->a).serial);
}

/* What the chain says: as a counter that is always before B, but that no rule is for. */
static struct mnck_stats want_chain(const struct scene *s, const struct how *how, struct rounds n)
{
	struct mnck_stats want = want_a(s, &(struct how){ .policy = how->policy }, n);

	want.violations[MNCK_RULE_PAIRING] = 0;
	return want;
}

static struct mnck_stats want_b(const struct scene *s, struct rounds n)
{
	__u64 refused = (__u64)n.refused * s->reap.vmas, all = (__u64)n.all * s->reap.vmas;

	return paired_off(saw_reaps(MNCK_KIND_COUNTER, &s->reap, n.all), refused, all - refused, 0);
}

static struct mnck_stats want_old(const struct scene *s, unsigned int rounds, __u64 refusals)
{
	struct mnck_stats want = saw_reaps(MNCK_KIND_TRYLOCK, &s->reap, rounds);

	want.refusals = refusals;
	return want;
}

#define EXPECT_SCENE(_s, _how, ...)                                               \
	do {                                                                      \
		struct rounds n_ = { __VA_ARGS__ };                               \
										  \
		EXPECT_MEMBER(&(_s)->chain, want_chain(_s, _how, n_));            \
		EXPECT_MEMBER(&(_s)->a, want_a(_s, _how, n_));                    \
		EXPECT_MEMBER(&(_s)->b, want_b(_s, n_));                          \
		EXPECT_STATS(&(_s)->old.counter,                                  \
			     saw_reaps(MNCK_KIND_COUNTER, &(_s)->reap, n_.all));  \
		EXPECT_STATS(&(_s)->new.counter,                                  \
			     saw_reaps(MNCK_KIND_COUNTER, &(_s)->reap, n_.all));  \
	} while (0)

/* The last range was started in the order of joining and ended in reverse. */
#define EXPECT_ORDER(_s, _how)                                                    \
	do {                                                                      \
		struct mnck_stats chain_ = stats_now(&(_s)->chain);               \
		struct mnck_stats a_ = stats_now(&(_s)->a), b_ = stats_now(&(_s)->b); \
		struct mnck_stats *first_ = (_how)->b_is_first ? &b_ : &a_;       \
		struct mnck_stats *second_ = (_how)->b_is_first ? &a_ : &b_;      \
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
	struct how how;
};

FIXTURE_VARIANT(chain)
{
	struct how how;
};

FIXTURE_VARIANT_ADD(chain, exact_a_first)
{
	.how = { MNCK_POLICY_EXACT, .b_is_first = false },
};

FIXTURE_VARIANT_ADD(chain, exact_b_first)
{
	.how = { MNCK_POLICY_EXACT, .b_is_first = true },
};

FIXTURE_VARIANT_ADD(chain, skip_a_first)
{
	.how = { MNCK_POLICY_SKIP, .b_is_first = false },
};

FIXTURE_VARIANT_ADD(chain, skip_b_first)
{
	.how = { MNCK_POLICY_SKIP, .b_is_first = true },
};

FIXTURE_VARIANT_ADD(chain, all_a_first)
{
	.how = { MNCK_POLICY_ALL, .b_is_first = false },
};

FIXTURE_VARIANT_ADD(chain, all_b_first)
{
	.how = { MNCK_POLICY_ALL, .b_is_first = true },
};

FIXTURE_SETUP(chain)
{
	struct scene *s = &self->scene;

	s->fd = -1;
	ASSERT_EQ(0, victim_start(&s->victim, AREA_SIZE));
	ASSERT_EQ(0, victim_trace_exit(&s->victim));
	s->fd = mnck_open();
	ASSERT_LE(0, s->fd);
	ASSERT_EQ(0, attach_all(s, &variant->how));
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

TEST_F_TIMEOUT(chain, lock_free, MNCK_TIMEOUT)
{
	struct scene *s = &self->scene;
	struct mnck_stats stats;
	int status;

	ASSERT_EQ(0, victim_mrelease(&s->victim));
	EXPECT_SCENE(s, &variant->how, .all = 1);
	EXPECT_ORDER(s, &variant->how);
	EXPECT_EQ(0, proc_rss_anon(s->victim.pid));

	/* Released by the exit, once each. */
	status = victim_join(&s->victim);
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_MEMBER(&s->chain, released(saw_reaps(MNCK_KIND_COUNTER, &s->reap, 1)));
	EXPECT_MEMBER(&s->a, released(saw_reaps(MNCK_KIND_COUNTER, &s->reap, 1)));
	EXPECT_MEMBER(&s->b, released(saw_reaps(MNCK_KIND_COUNTER, &s->reap, 1)));

	/* Who goes after that was released already. */
	EXPECT_ERRNO(EBUSY, mnck_detach(&s->chain, &stats));
	EXPECT_LEAVE(&s->a, saw_reaps(MNCK_KIND_COUNTER, &s->reap, 1));
	EXPECT_LEAVE(&s->b, saw_reaps(MNCK_KIND_COUNTER, &s->reap, 1));
	EXPECT_LEAVE(&s->chain, saw_reaps(MNCK_KIND_COUNTER, &s->reap, 1));
}

TEST_F_TIMEOUT(chain, lock_held, MNCK_TIMEOUT)
{
	struct scene *s = &self->scene;
	__u64 open = 0;
	long rss;

	rss = proc_rss_anon(s->victim.pid);
	ASSERT_LE(AREA_SIZE / 1024, rss);
	announce_refusals(s, &variant->how);
	ASSERT_EQ(0, mnck_lock(&s->b, MNCK_LOCK_HOLD));
	for (unsigned int round = 1; round <= 2; round++) {
		EXPECT_ERRNO(EAGAIN, victim_mrelease(&s->victim));
		EXPECT_SCENE(s, &variant->how, .all = round, .refused = round);
		/* Not one page was taken behind the back of who refused. */
		EXPECT_EQ(rss, proc_rss_anon(s->victim.pid));
	}

	ASSERT_EQ(0, mnck_lock(&s->b, MNCK_LOCK_RELEASE));
	ASSERT_EQ(0, victim_mrelease(&s->victim));
	EXPECT_SCENE(s, &variant->how, .all = 3, .refused = 2);
	EXPECT_ORDER(s, &variant->how);
	EXPECT_EQ(0, proc_rss_anon(s->victim.pid));

	/* What nobody has ended is open for ever. */
	victim_join(&s->victim);
	if (variant->how.policy == MNCK_POLICY_SKIP && !variant->how.b_is_first)
		open = 2 * s->reap.vmas;
	EXPECT_EQ(open, stats_now(&s->a).open);
	EXPECT_EQ(0, stats_now(&s->a).closed_by_detach);
	EXPECT_EQ(0, stats_now(&s->b).open);
}

/* Another registration refuses what all members have started: they are ended. */
TEST_F_TIMEOUT(chain, foreign_refuses, MNCK_TIMEOUT)
{
	struct scene *s = &self->scene;
	__u64 vmas = s->reap.vmas;

	ASSERT_EQ(0, mnck_lock(&s->old.trylock, MNCK_LOCK_HOLD));
	EXPECT_ERRNO(EAGAIN, victim_mrelease(&s->victim));
	EXPECT_SCENE(s, &variant->how, .all = 1);
	EXPECT_ORDER(s, &variant->how);

	ASSERT_EQ(0, mnck_lock(&s->new.trylock, MNCK_LOCK_HOLD));
	EXPECT_ERRNO(EAGAIN, victim_mrelease(&s->victim));
	EXPECT_SCENE(s, &variant->how, .all = 2);
	EXPECT_ORDER(s, &variant->how);

	ASSERT_EQ(0, mnck_lock(&s->old.trylock, MNCK_LOCK_RELEASE));
	EXPECT_ERRNO(EAGAIN, victim_mrelease(&s->victim));
	EXPECT_SCENE(s, &variant->how, .all = 3);
	EXPECT_ORDER(s, &variant->how);

	/* All three at once: the core ends the range once. */
	announce_refusals(s, &variant->how);
	ASSERT_EQ(0, mnck_lock(&s->old.trylock, MNCK_LOCK_HOLD));
	ASSERT_EQ(0, mnck_lock(&s->b, MNCK_LOCK_HOLD));
	EXPECT_ERRNO(EAGAIN, victim_mrelease(&s->victim));
	EXPECT_SCENE(s, &variant->how, .all = 4, .refused = 1);
	EXPECT_STATS(&s->old.trylock, want_old(s, 4, 3 * vmas));
	EXPECT_STATS(&s->new.trylock, want_old(s, 4, 3 * vmas));
}

/* The same, by the real reaper. */
FIXTURE(oom_reaper)
{
	struct oom_group group;
	struct scene scene;
};

FIXTURE_VARIANT(oom_reaper)
{
	struct how how;
};

FIXTURE_VARIANT_ADD(oom_reaper, exact_a_first)
{
	.how = { MNCK_POLICY_EXACT, .b_is_first = false },
};

FIXTURE_VARIANT_ADD(oom_reaper, exact_b_first)
{
	.how = { MNCK_POLICY_EXACT, .b_is_first = true },
};

FIXTURE_VARIANT_ADD(oom_reaper, skip)
{
	.how = { MNCK_POLICY_SKIP, .b_is_first = false },
};

FIXTURE_VARIANT_ADD(oom_reaper, all)
{
	.how = { MNCK_POLICY_ALL, .b_is_first = true },
};

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
	ASSERT_EQ(0, attach_all(s, &variant->how));
}

FIXTURE_TEARDOWN(oom_reaper)
{
	if (self->scene.fd >= 0)
		EXPECT_EQ(0, close(self->scene.fd));
	victim_kill(&self->scene.victim);
	EXPECT_EQ(0, oom_remove(&self->group));
}

/* Refused in each of its tries: nothing is reaped, and A is as the policy says. */
TEST_F_TIMEOUT(oom_reaper, lock_held, MNCK_TIMEOUT)
{
	struct scene *s = &self->scene;

	announce_refusals(s, &variant->how);
	ASSERT_EQ(0, mnck_lock(&s->b, MNCK_LOCK_HOLD));
	ASSERT_EQ(0, oom_touch(&s->victim));
	ASSERT_EQ(0, proc_reapable(s->victim.pid, &s->reap));
	ASSERT_EQ(GAVE_UP, oom_verdict(&self->group, &s->victim));
	EXPECT_SCENE(s, &variant->how, .all = REAPER_TRIES, .refused = REAPER_TRIES);
}

TEST_F_TIMEOUT(oom_reaper, lock_free, MNCK_TIMEOUT)
{
	struct scene *s = &self->scene;

	ASSERT_EQ(0, oom_touch(&s->victim));
	ASSERT_EQ(0, proc_reapable(s->victim.pid, &s->reap));
	ASSERT_EQ(REAPED, oom_verdict(&self->group, &s->victim));
	EXPECT_SCENE(s, &variant->how, .all = 1);
	EXPECT_ORDER(s, &variant->how);
	EXPECT_EQ(0, proc_rss_anon(s->victim.pid));
}

TEST_HARNESS_MAIN
