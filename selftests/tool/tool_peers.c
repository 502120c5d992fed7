// SPDX-License-Identifier: GPL-2.0
/*
 * A user reaps a program that uses a real driver.
 */
#include <unistd.h>

#include "kvm_guest.h"
#include "mnck_harness.h"
#include "option.h"
#include "tool.h"

#define OOM "mnck oom --ready-fd 3 "
#define FREED "4.* MiB of 4.* MiB of anonymous memory"
#define HEADING "CALLBACK CALLS REFUSED P50 P99 MAX"
#define KVM_ROW "kvm_mmu_notifier_invalidate_range_* * 0 *s *s *s"

FIXTURE(tool_peers)
{
};

FIXTURE_SETUP(tool_peers)
{
	if (access(DEV_KVM, R_OK | W_OK))
		SKIP(return, "needs CONFIG_KVM and a CPU with virtualization");
}

FIXTURE_TEARDOWN(tool_peers)
{
}

/* All memory of a KVM guest is freed. */
TEST_F_TIMEOUT(tool_peers, kvm, MNCK_TIMEOUT)
{
	EXPECT_PRINTS(0, OOM "-- tool_peer_client kvm",
		      "",
		      "mnck: the memory was freed, and no driver broke a rule",
		      "",
		      "mnck: process_mrelease(2) freed " FREED,
		      "",
		      HEADING,
		      KVM_ROW,
		      KVM_ROW,
		      "",
		      "mnck: nothing was missed");
}

/* The same by the kernel's own reaper. */
TEST_F_TIMEOUT(tool_peers, kvm_reaper, MNCK_TIMEOUT)
{
	REQUIRE_OPTION(has_memcg(), "MEMCG");
	EXPECT_PRINTS(0, OOM "--reaper -- tool_peer_client kvm",
		      "",
		      "mnck: the memory was freed, and no driver broke a rule",
		      "",
		      "mnck: the kernel's oom_reaper freed " FREED,
		      "",
		      HEADING,
		      KVM_ROW,
		      KVM_ROW,
		      "",
		      "mnck: nothing was missed");
}

TEST_HARNESS_MAIN
