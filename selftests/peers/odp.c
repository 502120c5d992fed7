// SPDX-License-Identifier: GPL-2.0
/*
 * Subscribers beside the MMU notifier of rdma_rxe, on the mm of an RDMA client whose memory
 * is registered for on-demand paging.
 *
 * Each test changes the memory.  Afterwards an RDMA read must return what the CPU has
 * written, and the CPU must see what an RDMA write has written.  The mirror beside
 * rdma_rxe has the same range, so both must have seen equally many ranges: a kprobe counts
 * the calls of the driver's callback.
 *
 * rdma_rxe refuses each non-blockable range.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "beside.h"
#include "child.h"
#include "file.h"
#include "huge.h"
#include "mnck_harness.h"
#include "odp.h"
#include "oom.h"
#include "option.h"
#include "pages.h"
#include "peer.h"
#include "settings.h"
#include "swap.h"

#define KSM "/sys/kernel/mm/ksm/"

/*
 * The driver and the mirror have seen the same ranges, at least one, and all others have
 * seen these and those that are elsewhere.  No range may begin meanwhile.
 */
#define EXPECT_SAME_RANGES()                                    \
	do {                                                    \
		__u64 calls_ = probe_calls("rxe") - self->calls; \
		__u64 starts_ = stats_now(&self->beside.counter).starts; \
								\
		EXPECT_LT(0, calls_);                           \
		EXPECT_EQ(calls_, stats_now(&self->beside.mirror).starts); \
		EXPECT_STREQ("", beside_broken(&self->beside, starts_)); \
	} while (0)

/* The CPU sees what RDMA has written. */
#define EXPECT_RDMA_WRITES(_start, _len, _value)                \
	do {                                                    \
		give_value(ODP_LOCAL, _len, _value);            \
		EXPECT_EQ(0, rdma_write(&self->rdma, ODP_LOCAL, _start, _len)); \
		EXPECT_TRUE(begin_with(_start, _len, _value));  \
	} while (0)

/* RDMA reads @_value from each page. */
#define EXPECT_RDMA_READS(_start, _len, _value)                 \
	do {                                                    \
		give_value(ODP_LOCAL, _len, ~(_value));         \
		EXPECT_EQ(0, rdma_read(&self->rdma, ODP_LOCAL, _start, _len)); \
		EXPECT_TRUE(begin_with(ODP_LOCAL, _len, _value)); \
	} while (0)

/* A client in the process of the test. */
FIXTURE(odp)
{
	struct beside beside;
	struct settings settings;
	struct rdma rdma;
	long calls;
	size_t page;
	size_t huge;
	/* What the tests change and transfer. */
	char *part;
	size_t len;
	pid_t child;
	bool swaps;
	bool disconnected;
};

FIXTURE_SETUP(odp)
{
	REQUIRE_RXE();
	self->beside.fd = -1;
	self->page = getpagesize();
	self->part = ODP_REMOTE + 4 * self->page;
	self->len = 8 * self->page;
	self->huge = huge_on_request(&self->settings);
	ASSERT_NE(0, self->huge);
	ASSERT_EQ(0, rdma_make_device());
	ASSERT_EQ(0, count_odp_callbacks());
	ASSERT_EQ(0, map_pages(ODP_MEMORY, ODP_SIZE));
	ASSERT_EQ(0, own_pages());
	ASSERT_EQ(0, rdma_make(&self->rdma, ODP_MEMORY, ODP_SIZE));
	ASSERT_EQ(0, beside_attach(&self->beside, 0, ODP_MEMORY, ODP_SIZE));
	self->calls = probe_calls("rxe");
	ASSERT_LE(0, self->calls);
	EXPECT_RDMA_WRITES(self->part, self->len, 1);
}

FIXTURE_TEARDOWN(odp)
{
	EXPECT_EQ(0, child_kill(&self->child));
	/* From here on no write of the test copies a page, which would begin a range. */
	EXPECT_EQ(0, own_pages());
	EXPECT_SAME_RANGES();
	EXPECT_EQ(0, beside_close(&self->beside));
	if (!self->disconnected) {
		EXPECT_RDMA_WRITES(self->part, self->len, 0xffff);
		EXPECT_RDMA_READS(self->part, self->len, 0xffff);
	}
	EXPECT_EQ(0, probes_remove());
	if (self->swaps)
		EXPECT_EQ(0, swapoff(SWAP_DEVICE));
	EXPECT_EQ(0, settings_restore(&self->settings));
}

/* After MADV_DONTNEED, RDMA reads zeroes, and writes to new pages. */
TEST_F_TIMEOUT(odp, dontneed, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, madvise(self->part, self->len, MADV_DONTNEED));
	EXPECT_RDMA_READS(self->part, self->len, 0);
	EXPECT_RDMA_WRITES(self->part, self->len, 2);
	ASSERT_EQ(0, madvise(self->part, self->len, MADV_DONTNEED));
	EXPECT_RDMA_WRITES(self->part, self->len, 3);
}

/* RDMA reads what the CPU has written to memory that was mapped in the place of the old. */
TEST_F_TIMEOUT(odp, munmap, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, munmap(self->part, self->len));
	ASSERT_EQ(0, take_freed_pages(self->len));
	ASSERT_EQ(0, map_pages(self->part, self->len));
	EXPECT_RDMA_READS(self->part, self->len, 0x5a5a5a5a);
	EXPECT_RDMA_WRITES(self->part, self->len, 2);
	EXPECT_TRUE(freed_pages_unused(self->len));
}

/* MAP_FIXED replaces the memory. */
TEST_F_TIMEOUT(odp, map_fixed, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, map_again(self->part, self->len));
	EXPECT_RDMA_READS(self->part, self->len, 0);
	give_value(self->part, self->len, 2);
	EXPECT_RDMA_READS(self->part, self->len, 2);
	EXPECT_RDMA_WRITES(self->part, self->len, 3);
}

/*
 * RDMA reads memory that the process may only read, and writes when it may write again.  A
 * write that must not be ends the connection.
 */
TEST_F_TIMEOUT(odp, mprotect, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, mprotect(self->part, self->len, PROT_READ));
	EXPECT_RDMA_READS(self->part, self->len, 1);
	ASSERT_EQ(0, mprotect(self->part, self->len, PROT_READ | PROT_WRITE));
	EXPECT_RDMA_WRITES(self->part, self->len, 2);
	ASSERT_EQ(0, mprotect(self->part, self->len, PROT_READ));
	give_value(ODP_LOCAL, self->len, 3);
	EXPECT_EQ(EIO, rdma_write(&self->rdma, ODP_LOCAL, self->part, self->len));
	EXPECT_TRUE(begin_with(self->part, self->len, 2));
	self->disconnected = true;
}

/* After a fork, RDMA writes to copies: the child keeps what it had. */
TEST_F_TIMEOUT(odp, fork, MNCK_TIMEOUT)
{
	self->child = child_start();
	ASSERT_LT(0, self->child);
	EXPECT_RDMA_READS(self->part, self->len, 1);
	EXPECT_RDMA_WRITES(self->part, self->len, 2);
	EXPECT_EQ(1, word_of(self->child, self->part));
	give_value(self->part, self->len, 3);
	EXPECT_RDMA_READS(self->part, self->len, 3);
	EXPECT_EQ(1, word_of(self->child, self->part));
}

/* Small pages that become a huge one keep what RDMA has written. */
TEST_F_TIMEOUT(odp, collapse, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, madvise(ODP_MEMORY, ODP_SIZE, MADV_COLLAPSE));
	ASSERT_TRUE(huge_mapped(ODP_MEMORY, ODP_SIZE));
	EXPECT_RDMA_READS(self->part, self->len, 1);
	EXPECT_RDMA_WRITES(self->part, self->len, 2);
}

/* A huge page that is split loses the part that is given up, and keeps all the rest. */
TEST_F_TIMEOUT(odp, split, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, madvise(ODP_MEMORY, ODP_SIZE, MADV_COLLAPSE));
	EXPECT_RDMA_WRITES(self->part, self->len, 2);
	ASSERT_EQ(0, madvise(self->part, self->page, MADV_DONTNEED));
	ASSERT_FALSE(huge_mapped(ODP_REMOTE, self->huge));
	EXPECT_RDMA_READS(self->part, self->page, 0);
	EXPECT_RDMA_READS(self->part + self->page, self->len - self->page, 2);
	EXPECT_RDMA_WRITES(self->part, self->len, 3);
}

/* RDMA finds pages again that were reclaimed. */
TEST_F_TIMEOUT(odp, reclaim, MNCK_TIMEOUT)
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
	EXPECT_RDMA_READS(self->part, self->len, 1);
	EXPECT_RDMA_WRITES(self->part, self->len, 2);
	EXPECT_TRUE(freed_pages_unused(self->len));
}

/* Pages that KSM has merged are copied when RDMA writes to one of them. */
TEST_F_TIMEOUT(odp, ksm, MNCK_TIMEOUT)
{
	char *other = self->part + self->page;

	REQUIRE_OPTION(has_ksm(), "KSM");
	ASSERT_EQ(0, setting_change(&self->settings, KSM "run", "0"));
	ASSERT_EQ(0, setting_change(&self->settings, KSM "sleep_millisecs", "1"));
	memset(self->part, 3, 2 * self->page);
	ASSERT_EQ(0, madvise(self->part, 2 * self->page, MADV_MERGEABLE));
	ASSERT_EQ(0, file_write(KSM "run", "1"));
	WAIT_UNTIL(page_frame(self->part) && page_frame(self->part) == page_frame(other));
	/* Waits until ksmd has ended its scan, and with it the range. */
	ASSERT_EQ(0, file_write(KSM "run", "0"));
	EXPECT_RDMA_READS(self->part, 2 * self->page, 0x03030303);
	EXPECT_RDMA_WRITES(self->part, self->page, 2);
	EXPECT_TRUE(begin_with(other, self->page, 0x03030303));
	EXPECT_RDMA_READS(other, self->page, 0x03030303);
	ASSERT_EQ(0, madvise(self->part, 2 * self->page, MADV_UNMERGEABLE));
}

/*
 * While the lock of a subscriber is held, MADV_DONTNEED waits for it.  The driver has
 * dropped its pages already, and gets them again when the call has ended.
 */
TEST_F_TIMEOUT(odp, lock_held, MNCK_TIMEOUT)
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
		EXPECT_TRUE(begin_with(self->part, self->len, 1 + i));
		ASSERT_EQ(0, mnck_lock(held[i], MNCK_LOCK_RELEASE));
		EXPECT_EQ(0, give_up_end(&call));
		EXPECT_RDMA_READS(self->part, self->len, 0);
		EXPECT_RDMA_WRITES(self->part, self->len, 2 + i);
	}
}

/* A client that writes without pause, a higher value each time. */
struct running {
	struct rdma *rdma;
	char *part;
	size_t len;
	atomic_uint rounds;
	atomic_bool stop;
	int error;
};

static void *run_client(void *argument)
{
	struct running *running = argument;

	while (!running->stop && !running->error) {
		give_value(ODP_LOCAL, running->len, running->rounds + 1);
		running->error = rdma_write(running->rdma, ODP_LOCAL, running->part, running->len);
		if (!running->error)
			running->rounds++;
	}
	return NULL;
}

/* The memory changes while RDMA writes to it. */
TEST_F_TIMEOUT(odp, running, MNCK_TIMEOUT)
{
	struct running running = { .rdma = &self->rdma, .part = self->part, .len = self->len };
	pthread_t thread;
	__u32 wanted;

	ASSERT_EQ(0, pthread_create(&thread, NULL, run_client, &running));
	for (int round = 0; round < 10; round++) {
		if (round % 2)
			ASSERT_EQ(0, madvise(ODP_REMOTE, self->huge, MADV_COLLAPSE));
		ASSERT_EQ(0, madvise(self->part, self->len, MADV_DONTNEED));
		/* The write that is under way may end meanwhile; the next one begins now. */
		wanted = running.rounds + 2;
		WAIT_UNTIL(running.rounds >= wanted || running.error);
		EXPECT_TRUE(begin_with_at_least(self->part, self->len, wanted));
	}
	running.stop = true;
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, running.error);
}

/* The client is killed, and its memory is to be reaped while it still has its mm. */
FIXTURE(odp_reaped)
{
	struct beside beside;
	struct oom_group group;
	struct victim victim;
	long calls;
	__u64 starts;
};

FIXTURE_SETUP(odp_reaped)
{
	REQUIRE_RXE();
	REQUIRE_OPTION(has_memcg(), "MEMCG");
	self->beside.fd = -1;
	ASSERT_EQ(0, oom_make(&self->group));
	ASSERT_EQ(0, rdma_make_device());
	ASSERT_EQ(0, count_odp_callbacks());
	ASSERT_EQ(0, victim_start_as(&self->victim, odp_main, ODP_SIZE));
	ASSERT_EQ(0, oom_add(&self->group, &self->victim));
	ASSERT_EQ(0, beside_attach(&self->beside, self->victim.pid, ODP_MEMORY, ODP_SIZE));
	ASSERT_EQ(0, victim_do(&self->victim, ODP_WRITE, ODP_REMOTE, ODP_SIZE / 2));
	self->calls = probe_calls("rxe");
	self->starts = stats_now(&self->beside.counter).starts;
}

FIXTURE_TEARDOWN(odp_reaped)
{
	EXPECT_EQ(0, beside_close(&self->beside));
	victim_kill(&self->victim);
	EXPECT_EQ(0, oom_remove(&self->group));
	EXPECT_EQ(0, probes_remove());
}

/*
 * The driver has refused its part of the memory @_times, before any other subscriber but
 * the mirror was called.  All others have seen all other VMAs, and nothing is lost.
 */
#define EXPECT_REFUSED_BY_DRIVER(_reap, _times)                 \
	do {                                                    \
		struct mnck_stats counter_ = stats_now(&self->beside.counter); \
								\
		EXPECT_EQ((__u64)(_times) * ((_reap).vmas - 1), counter_.non_blockable); \
		EXPECT_EQ(_times, probe_calls("rxe") - self->calls); \
		EXPECT_STREQ("", beside_broken(&self->beside, counter_.starts)); \
		EXPECT_LE((long)ODP_SIZE / 1024, proc_rss_anon(self->victim.pid)); \
		EXPECT_EQ(ODP_VALUE, word_of(self->victim.pid, ODP_REMOTE)); \
	} while (0)

/* process_mrelease() cannot take the memory, whether or not a subscriber's lock is held. */
TEST_F_TIMEOUT(odp_reaped, mrelease, MNCK_TIMEOUT)
{
	struct victim *v = &self->victim;
	struct reapable reap;

	ASSERT_EQ(0, victim_doom(v));
	ASSERT_EQ(0, proc_reapable(v->pid, &reap));
	for (int times = 1; times <= 2; times++) {
		EXPECT_ERRNO(EAGAIN, victim_mrelease(v));
		EXPECT_REFUSED_BY_DRIVER(reap, times);
	}
	EXPECT_TRUE(WIFSIGNALED(victim_join(v)));
}

/* The oom_reaper gives up, and the client's exit frees its memory. */
TEST_F_TIMEOUT(odp_reaped, oom, MNCK_TIMEOUT)
{
	struct victim *v = &self->victim;
	struct reapable reap;

	ASSERT_EQ(0, oom_touch(v));
	ASSERT_EQ(0, proc_reapable(v->pid, &reap));
	ASSERT_EQ(GAVE_UP, oom_verdict(&self->group, v));
	EXPECT_REFUSED_BY_DRIVER(reap, REAPER_TRIES);
	EXPECT_TRUE(WIFSIGNALED(victim_join(v)));
}

TEST_HARNESS_MAIN
