// SPDX-License-Identifier: GPL-2.0
/*
 * A subscriber that refuses a range, beside rdma_rxe, which has done nothing wrong.
 *
 * Up to Linux 7.3 the core does not end the range on the side of the interval notifiers: see
 * the first bug in Documentation/core-bugs.md.  A driver that then removes its interval
 * notifier waits for ever.  The program is the last one of its guest, because nothing ends
 * the client afterwards.
 */
#include "beside.h"
#include "file.h"
#include "mnck_harness.h"
#include "odp.h"
#include "proc.h"

/* Milliseconds within which a client ends that ends at all. */
#define PATIENCE 5000

FIXTURE(odp_refused)
{
	struct beside beside;
	struct victim victim;
};

FIXTURE_SETUP(odp_refused)
{
	REQUIRE_RXE();
	self->beside.fd = -1;
	ASSERT_EQ(0, rdma_make_device());
	ASSERT_EQ(0, victim_start_as(&self->victim, odp_main, ODP_SIZE));
	ASSERT_EQ(0, victim_trace_exit(&self->victim));
	ASSERT_EQ(0, beside_attach(&self->beside, self->victim.pid, NULL, 0));
	ASSERT_EQ(0, victim_do(&self->victim, ODP_WRITE, ODP_REMOTE, ODP_SIZE / 2));
}

FIXTURE_TEARDOWN(odp_refused)
{
	EXPECT_EQ(0, beside_close(&self->beside));
	victim_kill(&self->victim);
}

/*
 * The client ends after process_mrelease() was refused, and the refused ranges have ended
 * for all subscribers.  (ASSERT, because XFAIL() overrides what EXPECT has found.)
 */
TEST_F_TIMEOUT(odp_refused, mrelease, MNCK_TIMEOUT)
{
	struct victim *v = &self->victim;
	char path[64], stack[2048], state;
	int status;
	pid_t gone = 0;

	ASSERT_EQ(0, mnck_lock(&self->beside.trylock, MNCK_LOCK_HOLD));
	ASSERT_EQ(0, victim_doom(v));
	ASSERT_EQ(EAGAIN, errno_of(victim_mrelease(v)));
	ASSERT_LT(0, stats_now(&self->beside.trylock).refusals);
	ASSERT_STREQ("", beside_broken(&self->beside, stats_now(&self->beside.counter).starts));
	ASSERT_EQ(0, mnck_lock(&self->beside.trylock, MNCK_LOCK_RELEASE));
	ASSERT_EQ(0, beside_close(&self->beside));

	ASSERT_EQ(0, ptrace(PTRACE_CONT, v->pid, NULL, 0));
	for (int i = 0; i < PATIENCE && !gone; i += 10) {
		usleep(10000);
		gone = waitpid(v->pid, &status, WNOHANG);
	}
	if (gone) {
		ASSERT_EQ(v->pid, gone);
		ASSERT_TRUE(WIFSIGNALED(status));
		v->pid = 0;
		return;
	}
	snprintf(path, sizeof(path), "/proc/%d/stack", v->pid);
	file_read(stack, sizeof(stack), path);
	state = proc_state(v->pid, v->pid);
	/* The teardown must not wait for a client that cannot be killed. */
	v->pid = 0;
	ASSERT_EQ('D', state);
	ASSERT_NE(NULL, strstr(stack, "mmu_interval_notifier_remove"))
		TH_LOG("the client does not end, and waits here:\n%s", stack);
	XFAIL(return, "rdma_rxe waits for ever in mmu_interval_notifier_remove()");
}

TEST_HARNESS_MAIN
