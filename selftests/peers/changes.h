/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tests of a process that changes memory which a driver uses, with subscribers beside
 * that driver.
 *
 * After each change the peer must read what the CPU has written, and the CPU must see what
 * the peer has written: a page that the peer has kept by mistake would show.  The
 * subscribers must have seen the ranges that the peer has seen: kprobes count the calls of
 * its callbacks.
 */
#ifndef MNCK_SELFTEST_CHANGES_H
#define MNCK_SELFTEST_CHANGES_H

#include "beside.h"
#include "child.h"
#include "file.h"
#include "huge.h"
#include "module.h"
#include "option.h"
#include "pages.h"
#include "settings.h"
#include "swap.h"
#include "template.h"
#include "tracefs.h"

#define KSM "/sys/kernel/mm/ksm/"

/* To be called while no process uses the driver. */
#define COUNT_RANGES()                                          \
	do {                                                    \
		ASSERT_EQ(0, tracefs_mount());                  \
		ASSERT_EQ(0, probes_remove());                  \
		ASSERT_EQ(0, peer_count());                     \
	} while (0)

/*
 * The peer and all subscribers have seen the same ranges, at least one, and their ends.  No
 * range may begin meanwhile.
 */
#define EXPECT_SAME_RANGES()                                    \
	do {                                                    \
		__u64 starts_ = stats_now(&self->beside.counter).starts;        \
		long ranges_ = peer_ranges();                   \
								\
		EXPECT_LT(self->ranges, ranges_);               \
		EXPECT_EQ(peer_wanted(&self->beside, starts_),  \
			  (__u64)(ranges_ - self->ranges));     \
		EXPECT_STREQ("", beside_broken(&self->beside, starts_));        \
	} while (0)

/* The peer writes @_value to each page, and the process sees it. */
#define EXPECT_WRITES(_start, _len, _value)                     \
	do {                                                    \
		EXPECT_EQ(0, peer_write(&self->peer, _start, _len, _value)); \
		EXPECT_TRUE(begin_with(_start, _len, _value));  \
	} while (0)

/* The peer reads @_value from each page. */
#define EXPECT_READS(_start, _len, _value)                      \
	EXPECT_EQ(0, peer_read(&self->peer, _start, _len, _value))

/* A user of the driver in the process of the test. */
PEER_FIXTURE(PEER)
{
	struct beside beside;
	struct settings settings;
	struct peer peer;
	long ranges;
	size_t page;
	/* The size of a huge page, if the kernel has these. */
	size_t huge;
	/* What the tests change: some pages in the midst of those that the peer uses. */
	char *part;
	size_t len;
	pid_t child;
	bool swaps;
	bool lost;
	/* Whether mnck watches all drivers. */
	bool watches;
};

PEER_FIXTURE_SETUP(PEER)
{
	REQUIRE_PEER();
	self->beside.fd = -1;
	self->page = getpagesize();
	self->part = PEER_START + 4 * self->page;
	self->len = 8 * self->page;
	if (has_thp()) {
		self->huge = huge_on_request(&self->settings);
		ASSERT_NE(0, self->huge);
	}
	COUNT_RANGES();
	ASSERT_EQ(0, map_pages(PEER_MEMORY, PEER_SIZE));
	ASSERT_EQ(0, own_pages());
	ASSERT_EQ(0, peer_make(&self->peer));
	ASSERT_EQ(0, beside_attach(&self->beside, 0, PEER_MEMORY, PEER_SIZE));
	self->ranges = peer_ranges();
	ASSERT_LE(0, self->ranges);
	EXPECT_WRITES(PEER_START, PEER_LEN, 1);
}

PEER_FIXTURE_TEARDOWN(PEER)
{
	EXPECT_EQ(0, child_kill(&self->child));
	/* From here on no write of the test copies a page, which would begin a range. */
	EXPECT_EQ(0, own_pages());
	/* A test that was skipped has changed nothing. */
	if (_metadata->exit_code != KSFT_SKIP)
		EXPECT_SAME_RANGES();
	EXPECT_EQ(0, beside_close(&self->beside));
	if (self->watches)
		EXPECT_EQ(0, mnck_set_parameter("watch", 0));
	if (!self->lost) {
		EXPECT_WRITES(PEER_START, PEER_LEN, 0xffff);
		EXPECT_READS(self->part, self->len, 0xffff);
	}
	EXPECT_EQ(0, probes_remove());
	if (self->swaps)
		EXPECT_EQ(0, swapoff(SWAP_DEVICE));
	EXPECT_EQ(0, settings_restore(&self->settings));
}

/* After MADV_DONTNEED the peer reads zeroes, and writes to new pages. */
PEER_TEST(dontneed)
{
	ASSERT_EQ(0, madvise(self->part, self->len, MADV_DONTNEED));
	EXPECT_READS(self->part, self->len, 0);
	EXPECT_WRITES(PEER_START, PEER_LEN, 2);
	ASSERT_EQ(0, madvise(self->part, self->len, MADV_DONTNEED));
	EXPECT_WRITES(self->part, self->len, 3);
}

/* The peer uses what was mapped in the place of unmapped memory, and cannot use the latter. */
PEER_TEST(munmap)
{
	ASSERT_EQ(0, munmap(self->part, self->len));
	EXPECT_WRITES(PEER_START, (size_t)(self->part - PEER_START), 2);
	ASSERT_EQ(0, take_freed_pages(self->len));
	ASSERT_EQ(0, map_pages(self->part, self->len));
	EXPECT_READS(self->part, self->len, 0x5a5a5a5a);
	EXPECT_WRITES(PEER_START, PEER_LEN, 3);
	EXPECT_TRUE(freed_pages_unused(self->len));

	ASSERT_EQ(0, munmap(self->part, self->len));
	EXPECT_EQ(PEER_NOT_MAPPED, peer_write(&self->peer, self->part, self->page, 4));
	ASSERT_EQ(0, map_pages(self->part, self->len));
	EXPECT_TRUE(begin_with(self->part, self->len, 0x5a5a5a5a));
	self->lost = !PEER_GOES_ON;
}

/* MAP_FIXED replaces the memory. */
PEER_TEST(map_fixed)
{
	ASSERT_EQ(0, map_again(self->part, self->len));
	EXPECT_READS(self->part, self->len, 0);
	give_value(self->part, self->len, 2);
	EXPECT_READS(self->part, self->len, 2);
	EXPECT_WRITES(PEER_START, PEER_LEN, 3);
}

/* The peer reads memory that the process may only read, and does not write to it. */
PEER_TEST(mprotect)
{
	ASSERT_EQ(0, mprotect(self->part, self->len, PROT_READ));
	EXPECT_READS(self->part, self->len, 1);
	ASSERT_EQ(0, mprotect(self->part, self->len, PROT_READ | PROT_WRITE));
	EXPECT_WRITES(self->part, self->len, 2);
	ASSERT_EQ(0, mprotect(self->part, self->len, PROT_READ));
	EXPECT_EQ(PEER_NOT_WRITABLE, peer_write(&self->peer, self->part, self->len, 3));
	EXPECT_TRUE(begin_with(self->part, self->len, 2));
	ASSERT_EQ(0, mprotect(self->part, self->len, PROT_READ | PROT_WRITE));
	self->lost = !PEER_GOES_ON;
}

/* After a fork the peer writes to copies: the child keeps what it had. */
PEER_TEST(fork)
{
	self->child = child_start();
	ASSERT_LT(0, self->child);
	EXPECT_READS(self->part, self->len, 1);
	EXPECT_WRITES(self->part, self->len, 2);
	EXPECT_EQ(1, word_of(self->child, self->part));
	give_value(self->part, self->len, 3);
	EXPECT_READS(self->part, self->len, 3);
	EXPECT_EQ(1, word_of(self->child, self->part));
	EXPECT_EQ(0, child_kill(&self->child));
	EXPECT_WRITES(PEER_START, PEER_LEN, 4);
}

/* Small pages that become a huge one keep what the peer has written. */
PEER_TEST(collapse)
{
	REQUIRE_OPTION(has_thp(), "TRANSPARENT_HUGEPAGE");
	ASSERT_EQ(0, madvise(PEER_MEMORY, PEER_SIZE, MADV_COLLAPSE));
	ASSERT_TRUE(huge_mapped(PEER_MEMORY, PEER_SIZE));
	EXPECT_TRUE(begin_with(PEER_START, PEER_LEN, 1));
	EXPECT_READS(self->part, self->len, 1);
	EXPECT_WRITES(PEER_START, PEER_LEN, 2);
}

/* A huge page that is split loses the part that is given up, and keeps all the rest. */
PEER_TEST(split)
{
	REQUIRE_OPTION(has_thp(), "TRANSPARENT_HUGEPAGE");
	ASSERT_EQ(0, madvise(PEER_MEMORY, PEER_SIZE, MADV_COLLAPSE));
	EXPECT_WRITES(PEER_START, PEER_LEN, 2);
	ASSERT_EQ(0, madvise(self->part, self->page, MADV_DONTNEED));
	ASSERT_FALSE(huge_mapped(PEER_START, self->huge));
	EXPECT_READS(self->part, self->page, 0);
	EXPECT_READS(self->part + self->page, self->len - self->page, 2);
	EXPECT_WRITES(PEER_START, PEER_LEN, 3);
}

/* The peer finds pages again that were reclaimed. */
PEER_TEST(reclaim)
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
	EXPECT_READS(self->part, self->len, 1);
	EXPECT_TRUE(begin_with(self->part, self->len, 1));
	EXPECT_WRITES(PEER_START, PEER_LEN, 2);
	EXPECT_TRUE(freed_pages_unused(self->len));
}

/* Pages that KSM has merged are copied when the peer writes to one of them. */
PEER_TEST(ksm)
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
	EXPECT_READS(self->part, 2 * self->page, 0x03030303);
	EXPECT_WRITES(self->part, self->page, 2);
	EXPECT_TRUE(begin_with(other, self->page, 0x03030303));
	EXPECT_READS(other, self->page, 0x03030303);
	ASSERT_EQ(0, madvise(self->part, 2 * self->page, MADV_UNMERGEABLE));
	EXPECT_WRITES(PEER_START, PEER_LEN, 3);
}

/*
 * While the lock of a subscriber is held, MADV_DONTNEED waits for it, and has had no effect.
 * KVM, which the core has not called yet, goes on with its old pages.  An interval
 * subscriber was called already, and must not use pages before the call has ended.
 */
PEER_TEST(lock_held)
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
		EXPECT_TRUE(begin_with(self->part, self->len, 1 + 10 * i));
		if (!PEER_IS_INTERVAL)
			EXPECT_WRITES(self->part, self->len, 10 + i);
		ASSERT_EQ(0, mnck_lock(held[i], MNCK_LOCK_RELEASE));
		EXPECT_EQ(0, give_up_end(&call));
		EXPECT_READS(self->part, self->len, 0);
		EXPECT_WRITES(PEER_START, PEER_LEN, 11 + 10 * i);
	}
}

#endif /* MNCK_SELFTEST_CHANGES_H */
