// SPDX-License-Identifier: GPL-2.0
/*
 * Subscribers beside KVM's own MMU notifier, on the mm of a guest that runs.  The guest
 * stores and loads.
 *
 * KVM subscribes to the whole address space, with a start and an end.
 */
#include "beside.h"
#include "file.h"
#include "kvm_guest.h"
#include "mnck_harness.h"
#include "oom.h"
#include "peer.h"
#include "probe.h"

#define PEER kvm
#define PEER_REAPED kvm_reaped

#define PEER_MEMORY ((char *)0x200000000UL)
#define PEER_SIZE (4UL << 20)
#define PEER_START PEER_MEMORY
#define PEER_LEN PEER_SIZE

#define PEER_IS_INTERVAL false
#define PEER_OPS "kvm_mmu_notifier_ops"
#define PEER_CALLBACK "kvm_mmu_notifier_invalidate_range_start"
#define PEER_END "kvm_mmu_notifier_invalidate_range_end"
#define PEER_NOT_MAPPED EFAULT
#define PEER_NOT_WRITABLE EFAULT
#define PEER_GOES_ON true

#define REQUIRE_PEER()                                          \
	do {                                                    \
		if (access(DEV_KVM, R_OK | W_OK))               \
			SKIP(return, "needs CONFIG_KVM and a CPU with virtualization"); \
	} while (0)

struct peer {
	struct kvm_guest guest;
};

static int peer_count(void)
{
	return probe_add("kvm_start", "kvm_mmu_notifier_invalidate_range_start") ||
	       probe_add("kvm_end", "kvm_mmu_notifier_invalidate_range_end") ? -1 : 0;
}

static long peer_ranges(void)
{
	long starts = probe_calls("kvm_start");

	return probe_calls("kvm_end") == starts ? starts : -1;
}

static __u64 peer_wanted(const struct beside *beside, __u64 starts)
{
	(void)beside;
	return starts;
}

/* The guest has memory that the process has mapped only after peer_exhaust(). */
static int peer_make(struct peer *peer)
{
	return kvm_guest_make(&peer->guest, PEER_MEMORY, OOM_SIZE);
}

static int peer_write(struct peer *peer, char *start, size_t len, __u32 value)
{
	return kvm_guest_store(&peer->guest, start, len, value);
}

static int peer_read(struct peer *peer, char *start, size_t len, __u32 value)
{
	__u32 loaded;
	int error = 0;

	for (size_t at = 0; at < len && !error; at += getpagesize()) {
		error = kvm_guest_load(&peer->guest, start + at, &loaded);
		if (!error && loaded != value)
			error = EILSEQ;
	}
	return error;
}

static int peer_exhaust(struct peer *peer)
{
	char *more = PEER_MEMORY + PEER_SIZE;
	size_t len = OOM_SIZE - PEER_SIZE;

	return map_untouched(more, len) ? errno : peer_write(peer, more, len, 1);
}

#include "changes.h"
#include "listed.h"
#include "running.h"
#include "seen.h"
#include "reaped.h"

/* The core calls KVM and ends the range, though a trylock refuses it. */
FIXTURE_VARIANT_ADD(kvm_reaped, trylock_held)
{
	.lock = TRYLOCK,
};

FIXTURE_VARIANT_ADD(kvm_reaped, member_held)
{
	.lock = MEMBER,
};

TEST_HARNESS_MAIN
