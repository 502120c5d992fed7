// SPDX-License-Identifier: GPL-2.0
/*
 * Subscribers beside KVM's own MMU notifier, on the mm of a guest that runs.
 *
 * Each test changes the guest's memory under the guest.  Afterwards what the guest stores
 * must be what the process sees, and what the guest loads must be what the process has: a
 * mapping that KVM has kept by mistake would show.  The subscribers beside KVM must have
 * seen the ranges that KVM has seen, each with its end: kprobes count the calls of KVM's
 * callbacks.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "beside.h"
#include "child.h"
#include "file.h"
#include "huge.h"
#include "interval.h"
#include "kvm_guest.h"
#include "mnck_harness.h"
#include "oom.h"
#include "option.h"
#include "pages.h"
#include "peer.h"
#include "probe.h"
#include "settings.h"
#include "swap.h"
#include "tracefs.h"

#define GUEST_MEMORY ((char *)0x200000000UL)
#define GUEST_SIZE (4UL << 20)

#define KSM "/sys/kernel/mm/ksm/"

/* The harness has no way to say that a program cannot run: the fixtures begin with this. */
#define REQUIRE_KVM()                                           \
	do {                                                    \
		if (access(DEV_KVM, R_OK | W_OK))               \
			SKIP(return, "needs CONFIG_KVM and a CPU with virtualization"); \
	} while (0)

/* Counts from 0, so to be called while no guest exists. */
static int count_callbacks(void)
{
	return tracefs_mount() || probes_remove() ||
	       probe_add("kvm_start", "kvm_mmu_notifier_invalidate_range_start") ||
	       probe_add("kvm_end", "kvm_mmu_notifier_invalidate_range_end") ? -1 : 0;
}

/* The ranges that KVM had seen when the subscribers were attached. */
#define COUNT_FROM_NOW()                                        \
	do {                                                    \
		self->starts = probe_calls("kvm_start");        \
		self->ends = probe_calls("kvm_end");            \
		ASSERT_LE(0, self->starts);                     \
		ASSERT_EQ(self->starts, self->ends);            \
	} while (0)

/*
 * KVM and all subscribers have seen the same ranges, at least one, and their ends.  No range
 * may begin meanwhile.
 */
#define EXPECT_SAME_RANGES()                                    \
	do {                                                    \
		long starts_ = probe_calls("kvm_start") - self->starts; \
		long ends_ = probe_calls("kvm_end") - self->ends;       \
								\
		EXPECT_LT(0, starts_);                          \
		EXPECT_EQ(starts_, ends_);                      \
		EXPECT_STREQ("", beside_broken(&self->beside, starts_)); \
	} while (0)

/* The guest stores @_value to each page, and the process sees it. */
#define EXPECT_GUEST_STORES(_start, _len, _value)               \
	do {                                                    \
		EXPECT_EQ(0, kvm_guest_store(&self->guest, _start, _len, _value)); \
		EXPECT_TRUE(begin_with(_start, _len, _value));  \
	} while (0)

/* The guest finds @_value at @_address. */
#define EXPECT_GUEST_LOADS(_address, _value)                    \
	do {                                                    \
		__u32 loaded_;                                  \
								\
		EXPECT_EQ(0, kvm_guest_load(&self->guest, _address, &loaded_)); \
		EXPECT_EQ(_value, loaded_);                     \
	} while (0)

/* A guest in the process of the test. */
FIXTURE(kvm)
{
	struct beside beside;
	struct settings settings;
	struct kvm_guest guest;
	long starts;
	long ends;
	size_t page;
	size_t huge;
	/* What most tests change: some pages in the midst of the guest's memory. */
	char *part;
	size_t len;
	pid_t child;
	bool swaps;
};

FIXTURE_SETUP(kvm)
{
	REQUIRE_KVM();
	self->beside.fd = -1;
	self->page = getpagesize();
	self->part = GUEST_MEMORY + 16 * self->page;
	self->len = 32 * self->page;
	self->huge = huge_on_request(&self->settings);
	ASSERT_NE(0, self->huge);
	ASSERT_EQ(0, count_callbacks());
	ASSERT_EQ(0, map_pages(GUEST_MEMORY, GUEST_SIZE));
	ASSERT_EQ(0, own_pages());
	ASSERT_EQ(0, kvm_guest_make(&self->guest, GUEST_MEMORY, GUEST_SIZE));
	ASSERT_EQ(0, beside_attach(&self->beside, 0, GUEST_MEMORY, GUEST_SIZE));
	COUNT_FROM_NOW();
	EXPECT_GUEST_STORES(GUEST_MEMORY, GUEST_SIZE, 1);
}

FIXTURE_TEARDOWN(kvm)
{
	EXPECT_EQ(0, child_kill(&self->child));
	/* From here on no write of the test copies a page, which would begin a range. */
	EXPECT_EQ(0, own_pages());
	EXPECT_SAME_RANGES();
	EXPECT_EQ(0, beside_close(&self->beside));
	EXPECT_GUEST_STORES(GUEST_MEMORY, GUEST_SIZE, 0xffff);
	EXPECT_EQ(0, probes_remove());
	if (self->swaps)
		EXPECT_EQ(0, swapoff(SWAP_DEVICE));
	EXPECT_EQ(0, settings_restore(&self->settings));
}

/* After MADV_DONTNEED the guest finds zeroes, and stores to new pages. */
TEST_F_TIMEOUT(kvm, dontneed, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, madvise(self->part, self->len, MADV_DONTNEED));
	EXPECT_GUEST_LOADS(self->part, 0);
	EXPECT_TRUE(begin_with(self->part + self->page, self->page, 0));
	EXPECT_GUEST_STORES(GUEST_MEMORY, GUEST_SIZE, 2);
}

/* The guest cannot use memory that the process has unmapped, and can use what comes next. */
TEST_F_TIMEOUT(kvm, munmap, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, munmap(self->part, self->len));
	EXPECT_EQ(EFAULT, kvm_guest_store(&self->guest, self->part, self->page, 2));
	EXPECT_GUEST_STORES(GUEST_MEMORY, self->part - GUEST_MEMORY, 2);
	ASSERT_EQ(0, map_pages(self->part, self->len));
	EXPECT_GUEST_LOADS(self->part, 0x5a5a5a5a);
	EXPECT_GUEST_STORES(GUEST_MEMORY, GUEST_SIZE, 3);
}

/* MAP_FIXED replaces the memory of the guest. */
TEST_F_TIMEOUT(kvm, map_fixed, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, map_again(self->part, self->len));
	EXPECT_GUEST_LOADS(self->part, 0);
	EXPECT_GUEST_STORES(GUEST_MEMORY, GUEST_SIZE, 2);
}

/* The guest can load from memory that the process may only read, and not store to it. */
TEST_F_TIMEOUT(kvm, mprotect, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, mprotect(self->part, self->len, PROT_READ));
	EXPECT_GUEST_LOADS(self->part, 1);
	EXPECT_EQ(EFAULT, kvm_guest_store(&self->guest, self->part, self->len, 2));
	EXPECT_TRUE(begin_with(self->part, self->len, 1));
	ASSERT_EQ(0, mprotect(self->part, self->len, PROT_READ | PROT_WRITE));
	EXPECT_GUEST_STORES(GUEST_MEMORY, GUEST_SIZE, 3);
}

/* After a fork the guest stores to copies: the child keeps what it had. */
TEST_F_TIMEOUT(kvm, fork, MNCK_TIMEOUT)
{
	self->child = child_start();
	ASSERT_LT(0, self->child);
	EXPECT_GUEST_LOADS(self->part, 1);
	EXPECT_GUEST_STORES(self->part, self->len, 2);
	EXPECT_EQ(1, word_of(self->child, self->part));
	self->part[0] = 3;
	EXPECT_GUEST_LOADS(self->part, 3);
	EXPECT_EQ(0, child_kill(&self->child));
	EXPECT_GUEST_STORES(GUEST_MEMORY, GUEST_SIZE, 4);
}

/* Small pages that become a huge one keep what the guest has stored. */
TEST_F_TIMEOUT(kvm, collapse, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, madvise(GUEST_MEMORY, GUEST_SIZE, MADV_COLLAPSE));
	ASSERT_TRUE(huge_mapped(GUEST_MEMORY, GUEST_SIZE));
	EXPECT_TRUE(begin_with(GUEST_MEMORY, GUEST_SIZE, 1));
	EXPECT_GUEST_LOADS(self->part, 1);
	EXPECT_GUEST_STORES(GUEST_MEMORY, GUEST_SIZE, 2);
}

/* A huge page that is split loses the part that is given up, and keeps all the rest. */
TEST_F_TIMEOUT(kvm, split, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, madvise(GUEST_MEMORY, GUEST_SIZE, MADV_COLLAPSE));
	EXPECT_GUEST_STORES(GUEST_MEMORY, GUEST_SIZE, 2);
	ASSERT_EQ(0, madvise(self->part, self->page, MADV_DONTNEED));
	ASSERT_FALSE(huge_mapped(GUEST_MEMORY, self->huge));
	ASSERT_TRUE(huge_mapped(GUEST_MEMORY + self->huge, self->huge));
	EXPECT_GUEST_LOADS(self->part, 0);
	EXPECT_GUEST_LOADS(self->part + self->page, 2);
	EXPECT_GUEST_STORES(GUEST_MEMORY, GUEST_SIZE, 3);
}

/* The guest finds its pages again that were reclaimed. */
TEST_F_TIMEOUT(kvm, reclaim, MNCK_TIMEOUT)
{
	REQUIRE_OPTION(has_swap(), "SWAP");
	REQUIRE_OPTION(has_ram_disk(), "BLK_DEV_RAM");
	ASSERT_EQ(0, swap_make(SWAP_DEVICE));
	ASSERT_EQ(0, swapon(SWAP_DEVICE, 0));
	self->swaps = true;
	WAIT_UNTIL(pages_on_lru(self->part, self->len));
	ASSERT_EQ(0, madvise(self->part, self->len, MADV_PAGEOUT));
	for (size_t at = 0; at < self->len; at += self->page)
		EXPECT_TRUE(page_entry(self->part + at) & PAGEMAP_SWAPPED);
	ASSERT_EQ(0, take_freed_pages(self->len));
	EXPECT_GUEST_LOADS(self->part, 1);
	EXPECT_TRUE(begin_with(self->part, self->len, 1));
	EXPECT_GUEST_STORES(GUEST_MEMORY, GUEST_SIZE, 2);
	EXPECT_TRUE(freed_pages_unused(self->len));
}

/* Pages of the guest that KSM has merged are copied when the guest stores to one of them. */
TEST_F_TIMEOUT(kvm, ksm, MNCK_TIMEOUT)
{
	char *other = self->part + self->page;

	REQUIRE_OPTION(has_ksm(), "KSM");
	ASSERT_EQ(0, setting_change(&self->settings, KSM "run", "0"));
	ASSERT_EQ(0, setting_change(&self->settings, KSM "sleep_millisecs", "1"));
	ASSERT_EQ(0, madvise(self->part, 2 * self->page, MADV_MERGEABLE));
	ASSERT_EQ(0, file_write(KSM "run", "1"));
	WAIT_UNTIL(page_frame(self->part) && page_frame(self->part) == page_frame(other));
	/* Waits until ksmd has ended its scan, and with it the range. */
	ASSERT_EQ(0, file_write(KSM "run", "0"));
	EXPECT_GUEST_STORES(self->part, self->page, 2);
	EXPECT_GUEST_LOADS(other, 1);
	EXPECT_TRUE(begin_with(other, self->page, 1));
	ASSERT_EQ(0, madvise(self->part, 2 * self->page, MADV_UNMERGEABLE));
	EXPECT_GUEST_STORES(GUEST_MEMORY, GUEST_SIZE, 3);
}

/*
 * While the lock of a subscriber is held, MADV_DONTNEED waits for it, and has had no effect:
 * the guest goes on with its old pages.
 */
TEST_F_TIMEOUT(kvm, lock_held, MNCK_TIMEOUT)
{
	const struct subscriber * const held[] = {
		&self->beside.trylock, &self->beside.member_trylock,
	};

	for (__u32 i = 0; i < ARRAY_SIZE(held); i++) {
		struct give_up call = { .start = self->part, .len = self->len };

		ASSERT_EQ(0, give_up_begin(&call));
		ASSERT_EQ(0, mnck_lock(held[i], MNCK_LOCK_HOLD));
		call.go = true;
		WAIT_UNTIL(stats_now(&self->beside.counter).open == 1);
		EXPECT_GUEST_STORES(self->part, self->len, 10 + i);
		ASSERT_EQ(0, mnck_lock(held[i], MNCK_LOCK_RELEASE));
		EXPECT_EQ(0, give_up_end(&call));
		EXPECT_GUEST_LOADS(self->part, 0);
		EXPECT_GUEST_STORES(GUEST_MEMORY, GUEST_SIZE, 20 + i);
	}
}

/* A guest that stores without pause, a higher value each time that it has stored to all. */
struct running {
	struct kvm_guest *guest;
	atomic_uint rounds;	/* how often the guest has stored to all of its memory */
	atomic_uint value;	/* the last value that it has stored to all of it */
	atomic_bool stop;
	int error;
};

static void *run_guest(void *argument)
{
	struct running *running = argument;
	__u32 value = running->value;

	while (!running->stop) {
		value++;
		running->error = kvm_guest_store(running->guest, GUEST_MEMORY, GUEST_SIZE, value);
		if (!running->error) {
			running->value = value;
			running->rounds++;
		} else if (running->error != EFAULT) {	/* not mapped or not writable now */
			break;
		}
	}
	return NULL;
}

/* Waits until the guest has begun and ended a round from now on. */
#define WAIT_FOR_ROUND(_running)                                \
	do {                                                    \
		__u32 wanted_ = (_running)->rounds + 2;         \
								\
		WAIT_UNTIL((_running)->rounds >= wanted_);      \
	} while (0)

static int change(char *start, size_t len, int how)
{
	switch (how) {
	case 0:
		return madvise(start, len, MADV_DONTNEED);
	case 1:
		return munmap(start, len) || map_again(start, len);
	case 2:
		return map_again(start, len);
	case 3:
		return mprotect(start, len, PROT_READ) ||
		       mprotect(start, len, PROT_READ | PROT_WRITE);
	default:
		return madvise(GUEST_MEMORY, GUEST_SIZE, MADV_COLLAPSE);
	}
}

/* The guest's memory changes while the guest stores to it. */
TEST_F_TIMEOUT(kvm, running, MNCK_TIMEOUT)
{
	struct running running = { .guest = &self->guest, .value = 1 };
	pthread_t thread;
	__u32 value;

	ASSERT_EQ(0, pthread_create(&thread, NULL, run_guest, &running));
	for (int round = 0; round < 20; round++) {
		ASSERT_EQ(0, change(self->part, self->len, round % 5));
		WAIT_FOR_ROUND(&running);
		value = running.value;
		EXPECT_TRUE(begin_with_at_least(GUEST_MEMORY, GUEST_SIZE, value));
	}
	running.stop = true;
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, running.error);
}

/* The guest of a victim: what the victim executes. */
enum vmm_op {
	VMM_STORE,	/* the guest stores 7 to each page */
};

/* The guest has @len bytes of memory, but pages in the first GUEST_SIZE bytes only. */
static void vmm_main(size_t len)
{
	struct kvm_guest guest;
	struct victim_order order;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	victim_answer(small_pages() || map_pages(GUEST_MEMORY, GUEST_SIZE) || own_pages() ||
		      map_untouched(GUEST_MEMORY + GUEST_SIZE, len - GUEST_SIZE) ||
		      kvm_guest_make(&guest, GUEST_MEMORY, len));
	while (read(STDIN_FILENO, &order, sizeof(order)) == sizeof(order))
		victim_answer(kvm_guest_store(&guest, order.addr, order.len, 7));
}

/* The guest's process is killed, and its memory is reaped while it still has its mm. */
FIXTURE(kvm_reaped)
{
	struct beside beside;
	struct oom_group group;
	struct victim victim;
	struct call call;
	long starts;
	long ends;
};

/* The lock that is held meanwhile. */
FIXTURE_VARIANT(kvm_reaped)
{
	enum { NO_LOCK, TRYLOCK, MEMBER, MIRROR } lock;
};

FIXTURE_VARIANT_ADD(kvm_reaped, locks_free)
{
	.lock = NO_LOCK,
};

FIXTURE_VARIANT_ADD(kvm_reaped, trylock_held)
{
	.lock = TRYLOCK,
};

FIXTURE_VARIANT_ADD(kvm_reaped, member_held)
{
	.lock = MEMBER,
};

FIXTURE_VARIANT_ADD(kvm_reaped, mirror_held)
{
	.lock = MIRROR,
};

/*
 * The core does not end the ranges of a mirror that another subscriber has refused: see
 * Documentation/core-bugs.md.  So there is no mirror if another lock is held.
 */
FIXTURE_SETUP(kvm_reaped)
{
	bool has_mirror = variant->lock == NO_LOCK || variant->lock == MIRROR;

	REQUIRE_KVM();
	REQUIRE_OPTION(has_memcg(), "MEMCG");
	self->beside.fd = -1;
	ASSERT_EQ(0, oom_make(&self->group));
	ASSERT_EQ(0, count_callbacks());
	ASSERT_EQ(0, victim_start_as(&self->victim, vmm_main, OOM_SIZE));
	ASSERT_EQ(0, oom_add(&self->group, &self->victim));
	ASSERT_EQ(0, beside_attach(&self->beside, self->victim.pid, GUEST_MEMORY,
				   has_mirror ? OOM_SIZE : 0));
	COUNT_FROM_NOW();
	ASSERT_EQ(0, victim_do(&self->victim, VMM_STORE, GUEST_MEMORY, GUEST_SIZE));
}

FIXTURE_TEARDOWN(kvm_reaped)
{
	EXPECT_EQ(0, beside_close(&self->beside));
	victim_kill(&self->victim);
	EXPECT_EQ(0, oom_remove(&self->group));
	EXPECT_EQ(0, probes_remove());
}

#define HOLD_LOCK()                                             \
	do {                                                    \
		if (variant->lock == TRYLOCK)                   \
			ASSERT_EQ(0, mnck_lock(&self->beside.trylock, MNCK_LOCK_HOLD)); \
		if (variant->lock == MEMBER)                    \
			ASSERT_EQ(0, mnck_lock(&self->beside.member_trylock, MNCK_LOCK_HOLD)); \
		if (variant->lock == MIRROR) {                  \
			ASSERT_EQ(0, call_begin(&self->call, call_hold, &self->beside.mirror)); \
			WAIT_UNTIL(mirror_holds_call(&self->beside.mirror)); \
		}                                               \
	} while (0)

#define RELEASE_LOCK()                                          \
	do {                                                    \
		if (variant->lock == TRYLOCK)                   \
			ASSERT_EQ(0, mnck_lock(&self->beside.trylock, MNCK_LOCK_RELEASE)); \
		if (variant->lock == MEMBER)                    \
			ASSERT_EQ(0, mnck_lock(&self->beside.member_trylock,    \
					       MNCK_LOCK_RELEASE)); \
		if (variant->lock == MIRROR) {                  \
			ASSERT_EQ(0, mirror_let_go(&self->beside.mirror)); \
			ASSERT_EQ(0, call_end(&self->call));    \
		}                                               \
	} while (0)

/* Returns how many ranges the holder of the lock has refused. */
static __u64 refusals(const struct beside *beside, int lock)
{
	return lock == TRYLOCK ? stats_now(&beside->trylock).refusals :
	       lock == MEMBER ? stats_now(&beside->member_trylock).refusals :
	       lock == MIRROR ? stats_now(&beside->mirror).refusals : 0;
}

/* process_mrelease() takes nothing of the guest while a lock is held, and all afterwards. */
TEST_F_TIMEOUT(kvm_reaped, mrelease, MNCK_TIMEOUT)
{
	struct victim *v = &self->victim;
	struct reapable reap;

	HOLD_LOCK();
	ASSERT_EQ(0, victim_doom(v));
	ASSERT_EQ(0, proc_reapable(v->pid, &reap));
	if (variant->lock != NO_LOCK) {
		EXPECT_ERRNO(EAGAIN, victim_mrelease(v));
		/* A mirror refuses the ranges in its own part of the address space. */
		if (variant->lock == MIRROR) {
			EXPECT_LT(0, refusals(&self->beside, MIRROR));
		} else {
			EXPECT_EQ(reap.vmas, refusals(&self->beside, variant->lock));
			EXPECT_SAME_RANGES();
		}
		EXPECT_LE((long)GUEST_SIZE / 1024, proc_rss_anon(v->pid));
		EXPECT_EQ(7, word_of(v->pid, GUEST_MEMORY));
		RELEASE_LOCK();
	}
	ASSERT_EQ(0, victim_mrelease(v));
	EXPECT_EQ(0, proc_rss_anon(v->pid));
	EXPECT_SAME_RANGES();
}

/* The guest uses up the memory of its cgroup, and the oom_reaper comes. */
TEST_F_TIMEOUT(kvm_reaped, oom, MNCK_TIMEOUT)
{
	struct victim *v = &self->victim;
	struct reapable reap;

	HOLD_LOCK();
	ASSERT_EQ(0, victim_send(v, VMM_STORE, GUEST_MEMORY + GUEST_SIZE, OOM_SIZE - GUEST_SIZE));
	ASSERT_EQ(0, victim_wait_exit_stop(v));
	ASSERT_EQ(0, proc_reapable(v->pid, &reap));
	if (variant->lock == NO_LOCK) {
		ASSERT_EQ(REAPED, oom_verdict(&self->group, v));
		EXPECT_EQ(0, proc_rss_anon(v->pid));
	} else {
		ASSERT_EQ(GAVE_UP, oom_verdict(&self->group, v));
		if (variant->lock != MIRROR) {
			EXPECT_EQ(REAPER_TRIES * reap.vmas,
				  refusals(&self->beside, variant->lock));
		}
		EXPECT_LE((long)GUEST_SIZE / 1024, proc_rss_anon(v->pid));
		EXPECT_EQ(7, word_of(v->pid, GUEST_MEMORY));
		RELEASE_LOCK();
	}
	EXPECT_SAME_RANGES();
}

TEST_HARNESS_MAIN
