/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A process is killed whose memory a driver uses, and its memory is to be reaped while it
 * still has its mm: the fixture PEER_REAPED, with a variant for the lock that is held
 * meanwhile.
 *
 * A program includes this file after changes.h.
 */
#ifndef MNCK_SELFTEST_REAPED_H
#define MNCK_SELFTEST_REAPED_H

#include "client.h"
#include "interval.h"
#include "oom.h"

#define PEER_REAPED_TEST(_test) TEST_F_TIMEOUT(PEER_REAPED, _test, MNCK_TIMEOUT)

PEER_FIXTURE(PEER_REAPED)
{
	struct beside beside;
	struct oom_group group;
	struct victim victim;
	struct call call;
	long ranges;
};

PEER_FIXTURE_VARIANT(PEER_REAPED)
{
	enum { NO_LOCK, TRYLOCK, MEMBER, MIRROR } lock;
};

PEER_FIXTURE_VARIANT_ADD(PEER_REAPED, locks_free)
{
	.lock = NO_LOCK,
};

PEER_FIXTURE_VARIANT_ADD(PEER_REAPED, mirror_held)
{
	.lock = MIRROR,
};

/*
 * The core does not end the ranges of a mirror that another subscriber has refused: see
 * Documentation/core-bugs.md.  So there is no mirror if another lock is held.
 */
PEER_FIXTURE_SETUP(PEER_REAPED)
{
	bool has_mirror = variant->lock == NO_LOCK || variant->lock == MIRROR;
	size_t page = getpagesize();

	REQUIRE_PEER();
	REQUIRE_OPTION(has_memcg(), "MEMCG");
	self->beside.fd = -1;
	ASSERT_EQ(0, oom_make(&self->group));
	COUNT_RANGES();
	ASSERT_EQ(0, victim_start_as(&self->victim, client_main, PEER_SIZE));
	ASSERT_EQ(0, oom_add(&self->group, &self->victim));
	/* Of interval subscribers the core calls the one first that begins first. */
	ASSERT_EQ(0, beside_attach(&self->beside, self->victim.pid, PEER_MEMORY - page,
				   has_mirror ? page + PEER_SIZE : 0));
	self->ranges = peer_ranges();
	ASSERT_LE(0, self->ranges);
	ASSERT_EQ(0, victim_do(&self->victim, CLIENT_WRITE, PEER_START, PEER_LEN));
}

PEER_FIXTURE_TEARDOWN(PEER_REAPED)
{
	EXPECT_EQ(0, beside_close(&self->beside));
	victim_kill(&self->victim);
	EXPECT_EQ(0, oom_remove(&self->group));
	EXPECT_EQ(0, probes_remove());
}

/* The subscriber whose lock is held, or NULL. */
static const struct subscriber *holder(const struct beside *beside, int lock)
{
	return lock == TRYLOCK ? &beside->trylock :
	       lock == MEMBER ? &beside->member_trylock :
	       lock == MIRROR ? &beside->mirror : NULL;
}

#define HOLD_LOCK()                                             \
	do {                                                    \
		const struct subscriber *holder_ = holder(&self->beside, variant->lock); \
								\
		if (variant->lock == MIRROR) {                  \
			ASSERT_EQ(0, call_begin(&self->call, call_hold, holder_)); \
			WAIT_UNTIL(mirror_holds_call(holder_)); \
		} else if (holder_) {                           \
			ASSERT_EQ(0, mnck_lock(holder_, MNCK_LOCK_HOLD)); \
		}                                               \
	} while (0)

#define RELEASE_LOCK()                                          \
	do {                                                    \
		const struct subscriber *holder_ = holder(&self->beside, variant->lock); \
								\
		if (variant->lock == MIRROR) {                  \
			ASSERT_EQ(0, mirror_let_go(holder_));   \
			ASSERT_EQ(0, call_end(&self->call));    \
		} else if (holder_) {                           \
			ASSERT_EQ(0, mnck_lock(holder_, MNCK_LOCK_RELEASE)); \
		}                                               \
	} while (0)

/* The memory that the peer uses was not reaped. */
#define EXPECT_NOT_REAPED()                                     \
	do {                                                    \
		EXPECT_LE((long)PEER_SIZE / 1024, proc_rss_anon(self->victim.pid)); \
		EXPECT_EQ(CLIENT_VALUE, word_of(self->victim.pid, PEER_START)); \
	} while (0)

#ifndef PEER_REFUSES

/*
 * The holder of the lock has refused all ranges, @_times.  A mirror refuses those in its own
 * part of the address space.
 */
#define EXPECT_REFUSED(_reap, _times)                           \
	do {                                                    \
		const struct subscriber *holder_ = holder(&self->beside, variant->lock); \
								\
		if (variant->lock == MIRROR) {                  \
			EXPECT_LT(0, stats_now(holder_).refusals); \
		} else {                                        \
			EXPECT_EQ((__u64)(_times) * (_reap).vmas, stats_now(holder_).refusals); \
		}                                               \
		EXPECT_NOT_REAPED();                            \
	} while (0)

/* process_mrelease() takes nothing while a lock is held, and all memory afterwards. */
PEER_REAPED_TEST(mrelease)
{
	struct victim *v = &self->victim;
	struct reapable reap;

	HOLD_LOCK();
	ASSERT_EQ(0, victim_doom(v));
	ASSERT_EQ(0, proc_reapable(v->pid, &reap));
	if (variant->lock != NO_LOCK) {
		EXPECT_ERRNO(EAGAIN, victim_mrelease(v));
		EXPECT_REFUSED(reap, 1);
		/* The mirror refuses only a part, the rest is reaped. */
		EXPECT_SAME_RANGES();
		RELEASE_LOCK();
	}
	ASSERT_EQ(0, victim_mrelease(v));
	EXPECT_EQ(0, proc_rss_anon(v->pid));
	EXPECT_SAME_RANGES();
}

/* The victim uses up the memory of its cgroup, and the oom_reaper comes. */
PEER_REAPED_TEST(oom)
{
	struct victim *v = &self->victim;
	struct reapable reap;

	HOLD_LOCK();
	ASSERT_EQ(0, victim_send(v, CLIENT_EXHAUST, NULL, 0));
	ASSERT_EQ(0, victim_wait_exit_stop(v));
	ASSERT_EQ(0, proc_reapable(v->pid, &reap));
	if (variant->lock == NO_LOCK) {
		ASSERT_EQ(REAPED, oom_verdict(&self->group, v));
		EXPECT_EQ(0, proc_rss_anon(v->pid));
	} else {
		ASSERT_EQ(GAVE_UP, oom_verdict(&self->group, v));
		EXPECT_REFUSED(reap, REAPER_TRIES);
		RELEASE_LOCK();
	}
	EXPECT_SAME_RANGES();
}

#endif /* PEER_REFUSES */

#endif /* MNCK_SELFTEST_REAPED_H */
