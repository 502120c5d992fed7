/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A subscriber that refuses a range while the memory of a process is reaped, beside a driver
 * that is an interval subscriber and has done nothing wrong.
 *
 * Up to Linux 7.3 the core does not end the range on the side of the interval notifiers: see
 * the first bug in Documentation/core-bugs.md.  A driver that then removes its interval
 * notifier waits for ever.  The program is the last one of its guest, because nothing ends
 * the clients afterwards.
 *
 * A program includes this file once, after it has defined what template.h names.
 */
#ifndef MNCK_SELFTEST_REFUSED_H
#define MNCK_SELFTEST_REFUSED_H

#include "beside.h"
#include "client.h"
#include "file.h"
#include "option.h"
#include "proc.h"
#include "template.h"

/* A client that waits unkillably for so many milliseconds waits for ever. */
#define PATIENCE 5000

PEER_FIXTURE(PEER)
{
	struct beside beside;
	struct oom_group group;
	struct victim victim;
	const struct subscriber *holder;
};

/* The lock that is held while the memory is to be reaped. */
PEER_FIXTURE_VARIANT(PEER)
{
	size_t holder;
};

PEER_FIXTURE_VARIANT_ADD(PEER, trylock_held)
{
	.holder = offsetof(struct beside, trylock),
};

PEER_FIXTURE_VARIANT_ADD(PEER, member_held)
{
	.holder = offsetof(struct beside, member_trylock),
};

PEER_FIXTURE_SETUP(PEER)
{
	REQUIRE_PEER();
	REQUIRE_OPTION(has_memcg(), "MEMCG");
	self->beside.fd = -1;
	self->holder = (void *)&self->beside + variant->holder;
	ASSERT_EQ(0, oom_make(&self->group));
	ASSERT_EQ(0, victim_start_as(&self->victim, client_main, PEER_SIZE));
	ASSERT_EQ(0, oom_add(&self->group, &self->victim));
	ASSERT_EQ(0, beside_attach(&self->beside, self->victim.pid, NULL, 0));
	ASSERT_EQ(0, victim_do(&self->victim, CLIENT_WRITE, PEER_START, PEER_LEN));
}

PEER_FIXTURE_TEARDOWN(PEER)
{
	EXPECT_EQ(0, beside_close(&self->beside));
	/* Without a victim there is one that never ends, and keeps the cgroup. */
	if (self->victim.pid) {
		victim_kill(&self->victim);
		EXPECT_EQ(0, oom_remove(&self->group));
	}
}

/* Returns whether the client ends; else it waits unkillably. */
static bool client_ends(const struct victim *v)
{
	siginfo_t info = {};

	for (int waits = 0; waits < PATIENCE; waits += 10) {
		usleep(10000);
		waitid(P_PID, v->pid, &info, WEXITED | WNOHANG | WNOWAIT);
		if (info.si_pid)
			return true;
		if (proc_state(v->pid, v->pid) != 'D')
			waits = 0;
	}
	return false;
}

/* Returns whether it waits in the removal of an interval notifier. */
static bool client_is_stuck(const struct victim *v)
{
	char path[64], stack[2048];

	snprintf(path, sizeof(path), "/proc/%d/stack", v->pid);
	file_read(stack, sizeof(stack), path);
	printf("# the client does not end, and waits here:\n%s", stack);
	return strstr(stack, "mmu_interval_notifier_remove");
}

/*
 * A range was refused, and has ended for all subscribers.  When the session has ended and
 * the client goes on with its exit, the client ends.
 */
#define EXPECT_CLIENT_ENDS()                                    \
	do {                                                    \
		struct victim *v_ = &self->victim;              \
								\
		EXPECT_LT(0, stats_now(self->holder).refusals); \
		EXPECT_STREQ("", beside_broken(&self->beside,   \
					       stats_now(&self->beside.counter).starts)); \
		ASSERT_EQ(0, mnck_lock(self->holder, MNCK_LOCK_RELEASE)); \
		ASSERT_EQ(0, beside_close(&self->beside));      \
		ASSERT_EQ(0, ptrace(PTRACE_CONT, v_->pid, NULL, 0)); \
		if (client_ends(v_)) {                          \
			EXPECT_EQ(SIGKILL, WTERMSIG(victim_join(v_))); \
		} else {                                        \
			ASSERT_TRUE(client_is_stuck(v_));       \
			v_->pid = 0;                            \
			XFAIL(return, DRIVER                    \
			      " waits for ever in mmu_interval_notifier_remove()"); \
		}                                               \
	} while (0)

PEER_TEST(mrelease)
{
	ASSERT_EQ(0, mnck_lock(self->holder, MNCK_LOCK_HOLD));
	ASSERT_EQ(0, victim_doom(&self->victim));
	ASSERT_EQ(EAGAIN, errno_of(victim_mrelease(&self->victim)));
	EXPECT_CLIENT_ENDS();
}

PEER_TEST(oom)
{
	ASSERT_EQ(0, mnck_lock(self->holder, MNCK_LOCK_HOLD));
	ASSERT_EQ(0, victim_send(&self->victim, CLIENT_EXHAUST, NULL, 0));
	ASSERT_EQ(0, victim_wait_exit_stop(&self->victim));
	ASSERT_EQ(GAVE_UP, oom_verdict(&self->group, &self->victim));
	EXPECT_CLIENT_ENDS();
}

#endif /* MNCK_SELFTEST_REFUSED_H */
