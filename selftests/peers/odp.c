// SPDX-License-Identifier: GPL-2.0
/*
 * Subscribers beside the MMU notifier of rdma_rxe, on the mm of an RDMA client whose memory
 * is registered for on-demand paging.
 *
 * rdma_rxe refuses each non-blockable range.
 */
#include "mnck_harness.h"
#include "odp.h"

#define PEER odp
#define PEER_REAPED odp_reaped
#define PEER_REFUSES

#include "changes.h"
#include "listed.h"
#include "running.h"
#include "seen.h"
#include "reaped.h"

/*
 * The driver, or the mirror before it, has refused its part of the memory @_times, before
 * any other subscriber was called.  All others have seen all other VMAs.
 */
#define EXPECT_REFUSED(_reap, _times)                           \
	do {                                                    \
		struct mnck_stats counter_ = stats_now(&self->beside.counter); \
		bool by_mirror_ = variant->lock == MIRROR;      \
								\
		EXPECT_EQ((__u64)(_times) * ((_reap).vmas - 1), counter_.non_blockable); \
		EXPECT_EQ(by_mirror_ ? 0 : (_times), peer_ranges() - self->ranges); \
		EXPECT_EQ(by_mirror_ ? (_times) : 0,            \
			  (int)stats_now(&self->beside.mirror).refusals); \
		EXPECT_STREQ("", beside_broken(&self->beside, counter_.starts)); \
		EXPECT_NOT_REAPED();                            \
	} while (0)

/* process_mrelease() cannot take the memory, whether or not a subscriber's lock is held. */
PEER_REAPED_TEST(mrelease)
{
	struct victim *v = &self->victim;
	struct reapable reap;

	HOLD_LOCK();
	ASSERT_EQ(0, victim_doom(v));
	ASSERT_EQ(0, proc_reapable(v->pid, &reap));
	for (int times = 1; times <= 2; times++) {
		EXPECT_ERRNO(EAGAIN, victim_mrelease(v));
		EXPECT_REFUSED(reap, times);
	}
	RELEASE_LOCK();
	EXPECT_ERRNO(EAGAIN, victim_mrelease(v));
	EXPECT_NOT_REAPED();
	EXPECT_EQ(SIGKILL, WTERMSIG(victim_join(v)));
}

/* The oom_reaper gives up, and the client's exit frees its memory. */
PEER_REAPED_TEST(oom)
{
	struct victim *v = &self->victim;
	struct reapable reap;

	HOLD_LOCK();
	ASSERT_EQ(0, victim_send(v, CLIENT_EXHAUST, NULL, 0));
	ASSERT_EQ(0, victim_wait_exit_stop(v));
	ASSERT_EQ(0, proc_reapable(v->pid, &reap));
	ASSERT_EQ(GAVE_UP, oom_verdict(&self->group, v));
	EXPECT_REFUSED(reap, REAPER_TRIES);
	RELEASE_LOCK();
	EXPECT_EQ(SIGKILL, WTERMSIG(victim_join(v)));
}

TEST_HARNESS_MAIN
