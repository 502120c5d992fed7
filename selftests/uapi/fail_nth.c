// SPDX-License-Identifier: GPL-2.0
/*
 * Each allocation of each way to attach a subscriber, and of the calls that use its
 * device, fails once.  The call then fails with ENOMEM and has had no effect: it takes no
 * place in the session, and keeps neither the mm nor the module.
 *
 * leaks.c makes the same calls and checks that they leak no memory.
 */
#include "failing_calls.h"
#include "victim.h"

/* The attach of each kind of subscriber. */
FIXTURE(attach)
{
	struct failing_calls calls;
};

FIXTURE_VARIANT(attach)
{
	__u32 kind;
};

FIXTURE_VARIANT_ADD(attach, counter)
{
	.kind = MNCK_KIND_COUNTER,
};

FIXTURE_VARIANT_ADD(attach, trylock)
{
	.kind = MNCK_KIND_TRYLOCK,
};

FIXTURE_VARIANT_ADD(attach, mirror)
{
	.kind = MNCK_KIND_MIRROR,
};

FIXTURE_VARIANT_ADD(attach, two_pass)
{
	.kind = MNCK_KIND_TWO_PASS,
};

FIXTURE_VARIANT_ADD(attach, secondary_tlb)
{
	.kind = MNCK_KIND_SECONDARY_TLB,
};

FIXTURE_VARIANT_ADD(attach, aging)
{
	.kind = MNCK_KIND_AGING,
};

FIXTURE_VARIANT_ADD(attach, shared)
{
	.kind = MNCK_KIND_SHARED,
};

FIXTURE_SETUP(attach)
{
	REQUIRE_MNCK_KO();
	ASSERT_EQ(0, failing_calls_setup(&self->calls));
}

FIXTURE_TEARDOWN(attach)
{
	EXPECT_EQ(0, failing_calls_teardown(&self->calls));
}

/* An attach fails with ENOMEM, whichever of its allocations fails. */
TEST_F_TIMEOUT(attach, each_allocation, MNCK_TIMEOUT)
{
	ASSERT_CAN_FAIL(FAIL_SLAB);
	fail_attach(_metadata, &self->calls, variant->kind);
}

/* All other calls that allocate. */
FIXTURE(fail_nth)
{
	struct failing_calls calls;
};

FIXTURE_SETUP(fail_nth)
{
	REQUIRE_MNCK_KO();
	ASSERT_EQ(0, failing_calls_setup(&self->calls));
}

FIXTURE_TEARDOWN(fail_nth)
{
	EXPECT_EQ(0, failing_calls_teardown(&self->calls));
}

/* A call that uses a device fails with ENOMEM, whichever of its allocations fails. */
TEST_F_TIMEOUT(fail_nth, devices, MNCK_TIMEOUT)
{
	ASSERT_CAN_FAIL(FAIL_SLAB);
	fail_device_calls(_metadata, &self->calls);
}

/* A fault fails with ENOMEM if mm cannot allocate a page or a page table for it. */
TEST_F_TIMEOUT(fail_nth, pages, MNCK_TIMEOUT)
{
	ASSERT_CAN_FAIL(FAIL_PAGE);
	/* A slab can be of a lower order instead, and KASAN can lose a stack trace. */
	self->calls.can_absorb = true;
	fail_fault(_metadata, &self->calls, PAGES + 1);
}

/* A watch fails with ENOMEM, whichever of its allocations fails. */
TEST_F_TIMEOUT(fail_nth, watch, MNCK_TIMEOUT)
{
	REQUIRE_OPTION(has_fprobe(), "FPROBE");
	ASSERT_CAN_FAIL(FAIL_SLAB);
	/* What the observation itself allocates is tried elsewhere. */
	ASSERT_EQ(0, mnck_set_parameter("watch", 1));
	/* A large array can be in other memory. */
	self->calls.can_absorb = true;
	expect_enomem(_metadata, &self->calls, &watch_sweep, 4, "watch");
	ASSERT_EQ(0, mnck_set_parameter("watch", 0));
}

/* A failed attach does not keep the mm of its target, which is released at the exit. */
TEST_F_TIMEOUT(fail_nth, target_exits, MNCK_TIMEOUT)
{
	struct failing_calls *calls = &self->calls;
	struct victim *v = &calls->victim;
	struct subscriber counter;

	ASSERT_CAN_FAIL(FAIL_SLAB);
	calls->target = v->pid;
	for (__u32 kind = 0; kind < NR_KINDS; kind++) {
		calls->attach = attach_kind(kind, 0, v->pid);
		expect_enomem(_metadata, calls, &attach_sweep, least_allocations(kind, true),
			      kind_names[kind]);
	}
	ASSERT_EQ(0, mnck_attach(calls->fd, v->pid, MNCK_KIND_COUNTER, &counter));
	ASSERT_EQ(0, victim_send(v, VICTIM_EXIT, NULL, 0));
	ASSERT_EQ(0, victim_join(v));
	EXPECT_STATS(&counter, released(saw_nothing()));
}

TEST_HARNESS_MAIN
