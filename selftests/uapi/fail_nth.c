// SPDX-License-Identifier: GPL-2.0
/*
 * Each allocation of each way to attach a subscriber, and of what its device
 * does, fails once.  The call then fails with ENOMEM and has done nothing: it
 * takes no place in the session, and holds no mm and no module.  Nor has it lost
 * memory, which leaks.c looks for.
 */
#include "failing_calls.h"
#include "victim.h"

FIXTURE(fail_nth)
{
	struct attempt attempt;
};

FIXTURE_SETUP(fail_nth)
{
	REQUIRE_MNCK_KO();
	ASSERT_EQ(0, attempt_setup(&self->attempt));
}

FIXTURE_TEARDOWN(fail_nth)
{
	EXPECT_EQ(0, attempt_teardown(&self->attempt));
}

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
	self->attempt.can_absorb = true;
	SWEEP_FAULT(PAGES + 1);
}

/* The target's mm is held by none of the attaches that failed. */
TEST_F_TIMEOUT(fail_nth, target_exits, MNCK_TIMEOUT)
{
	struct attempt *a = &self->attempt;
	struct subscriber counter;

	ASSERT_CAN_FAIL(FAIL_SLAB);
	for (__u32 kind = 0; kind < NR_KINDS; kind++) {
		a->target = a->victim.pid;
		a->attach = attach_kind(kind, 0, a->victim.pid);
		EXPECT_SWEPT(&attach_sweep, known(kind, true), "%s", kind_names[kind]);
	}
	ASSERT_EQ(0, mnck_attach(a->fd, a->victim.pid, MNCK_KIND_COUNTER, &counter));
	ASSERT_EQ(0, victim_send(&a->victim, VICTIM_EXIT, NULL, 0));
	ASSERT_EQ(0, victim_join(&a->victim));
	EXPECT_STATS(&counter, released(saw_nothing()));
}

TEST_HARNESS_MAIN
