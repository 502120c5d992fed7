// SPDX-License-Identifier: GPL-2.0
/*
 * Flushes of a secondary TLB: whoever takes something from the page table has
 * it flushed from there as well, and else nobody does.
 *
 * How wide a flush is, and in how many pieces it comes, is the architecture's
 * business: arm64 makes one of all of the address space out of a long one, x86
 * does so where it batches, and both round to what they flush by.  So a test
 * asks that what it has changed is covered, and that the flush stays around it.
 */
#include <pthread.h>
#include <stdint.h>

#include "mnck_harness.h"
#include "victim.h"

#define AREA_PAGES 8
/* Nothing here is large enough that a flush of it need leave this. */
#define HULL (2UL << 20)

FIXTURE(secondary_tlb)
{
	int fd;
	size_t page;
	size_t len;
	/* Mapped and touched, between guards, so that its page table stays. */
	char *area;
	/* Where it may be moved to, with the same page table: else it is moved in pieces. */
	char *to;
	struct subscriber tlb;
	struct subscriber counter;
};

FIXTURE_SETUP(secondary_tlb)
{
	size_t page = getpagesize();
	char *table;

	self->fd = -1;
	self->page = page;
	self->len = AREA_PAGES * page;
	ASSERT_EQ(0, small_pages());
	table = mmap(NULL, 2 * HULL, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, table);
	table += -(unsigned long)table % HULL;
	self->area = table + page;
	self->to = table + HULL / 2;
	ASSERT_EQ(0, mprotect(self->area, self->len, PROT_READ | PROT_WRITE));
	memset(self->area, 1, self->len);
	ASSERT_EQ(0, own_pages());

	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_SECONDARY_TLB, &self->tlb));
	/* A second one on the same mm, which is not told of flushes. */
	ASSERT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_COUNTER, &self->counter));
}

FIXTURE_TEARDOWN(secondary_tlb)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
}

/* What @_start to @_start + @_len has lost was flushed, and so was not much else. */
#define EXPECT_FLUSHED(_start, _len)                                              \
	do {                                                                      \
		unsigned long start_ = (unsigned long)(_start);                   \
		unsigned long end_ = start_ + (_len);                             \
		struct mnck_stats seen_, flushed_ = {};                               \
										  \
		ASSERT_EQ(0, mnck_stats(&self->tlb, &seen_));                      \
		EXPECT_LE(1, seen_.flushes);                                       \
		EXPECT_EQ(0, seen_.flushes_all);                                   \
		EXPECT_GE(start_, seen_.last_flush_start);                         \
		EXPECT_LE(end_, seen_.last_flush_end);                             \
		EXPECT_LE(start_ & -HULL, seen_.last_flush_start);                 \
		EXPECT_GE((end_ + HULL - 1) & -HULL, seen_.last_flush_end);        \
										  \
		/* And of nothing else is it told. */                             \
		flushed_.flushes = seen_.flushes;                                     \
		flushed_.last_flush_start = seen_.last_flush_start;                   \
		flushed_.last_flush_end = seen_.last_flush_end;                       \
		EXPECT_SAME_STATS(MNCK_KIND_SECONDARY_TLB, flushed_, &seen_);         \
	} while (0)

/* The whole address space, and the last range is none. */
#define EXPECT_FLUSHED_ALL()                                                      \
	do {                                                                      \
		struct mnck_stats got_;                                           \
										  \
		ASSERT_EQ(0, mnck_stats(&self->tlb, &got_));                      \
		EXPECT_LE(1, got_.flushes_all);                                   \
		EXPECT_LE(got_.flushes_all, got_.flushes);                        \
		EXPECT_EQ(0, got_.starts);                                        \
	} while (0)

#define EXPECT_COUNTED(_event, _start, _len)                                      \
	EXPECT_STATS(&self->counter, saw(MNCK_KIND_COUNTER, 1, _event,            \
					 MNCK_RANGE_BLOCKABLE, _start, _len, _len))

TEST_F_TIMEOUT(secondary_tlb, munmap, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, munmap(self->area, self->len));
	EXPECT_FLUSHED(self->area, self->len);
	EXPECT_COUNTED(MNCK_EVENT_UNMAP, self->area, self->len);
}

TEST_F_TIMEOUT(secondary_tlb, munmap_middle, MNCK_TIMEOUT)
{
	char *middle = self->area + 3 * self->page;

	ASSERT_EQ(0, munmap(middle, 2 * self->page));
	EXPECT_FLUSHED(middle, 2 * self->page);
}

TEST_F_TIMEOUT(secondary_tlb, dontneed, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, madvise(self->area + self->page, self->page, MADV_DONTNEED));
	EXPECT_FLUSHED(self->area + self->page, self->page);
	EXPECT_COUNTED(MNCK_EVENT_CLEAR, self->area + self->page, self->page);
}

TEST_F_TIMEOUT(secondary_tlb, attached_locked, MNCK_TIMEOUT)
{
	struct mnck_attach how = {
		.kind = MNCK_KIND_SECONDARY_TLB, .flags = MNCK_ATTACH_LOCKED,
	};

	EXPECT_DETACH(&self->tlb, saw_nothing());
	ASSERT_EQ(0, mnck_attach_how(self->fd, how, &self->tlb));
	ASSERT_EQ(0, madvise(self->area, self->page, MADV_DONTNEED));
	EXPECT_FLUSHED(self->area, self->page);
}

/* Less is allowed than before; more needs no flush, and may have one. */
TEST_F_TIMEOUT(secondary_tlb, mprotect, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, mprotect(self->area, self->len, PROT_READ));
	EXPECT_FLUSHED(self->area, self->len);
	EXPECT_COUNTED(MNCK_EVENT_PROTECTION_VMA, self->area, self->len);
}

TEST_F_TIMEOUT(secondary_tlb, mremap, MNCK_TIMEOUT)
{
	ASSERT_EQ(self->to, mremap(self->area, self->len, self->len,
				   MREMAP_MAYMOVE | MREMAP_FIXED, self->to));
	EXPECT_FLUSHED(self->area, self->len);
}

/* The zero page is replaced by one of the process's own, under the page table's lock. */
TEST_F_TIMEOUT(secondary_tlb, copy_on_write, MNCK_TIMEOUT)
{
	volatile char *p = mmap(NULL, 3 * self->page, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct mnck_stats before;

	ASSERT_NE(MAP_FAILED, p);
	ASSERT_EQ(0, p[0] + p[self->page] + p[2 * self->page]);
	ASSERT_EQ(0, mnck_stats(&self->tlb, &before));
	EXPECT_EQ(0, before.flushes);

	p[self->page] = 1;
	EXPECT_FLUSHED((unsigned long)p + self->page, self->page);
}

/* What was never in a page table is in no TLB. */
TEST_F_TIMEOUT(secondary_tlb, untouched, MNCK_TIMEOUT)
{
	char *p = mmap(NULL, self->len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, p);
	EXPECT_STATS(&self->tlb, saw_nothing());
	ASSERT_EQ(0, mprotect(p + self->page, self->page, PROT_READ));
	ASSERT_EQ(0, madvise(p, self->page, MADV_DONTNEED));
	EXPECT_STATS(&self->tlb, saw_nothing());
	EXPECT_DETACH(&self->tlb, saw_nothing());
}

/* A fork takes the right to write from all that is copied on write. */
TEST_F_TIMEOUT(secondary_tlb, fork, MNCK_TIMEOUT)
{
	pid_t child = fork();

	if (!child)
		_exit(0);
	ASSERT_LT(0, child);
	EXPECT_FLUSHED_ALL();
	ASSERT_EQ(child, waitpid(child, NULL, 0));
}

TEST_F_TIMEOUT(secondary_tlb, soft_dirty, MNCK_TIMEOUT)
{
	int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);

	ASSERT_LE(0, fd);
	ASSERT_EQ(1, write(fd, "4", 1));
	EXPECT_FLUSHED_ALL();
	close(fd);
}

struct flusher {
	pthread_t thread;
	pthread_barrier_t *barrier;
	char *page;
	unsigned int failed;
};

#define FLUSHERS 8
#define ROUNDS 50

static void *flush_thread(void *arg)
{
	struct flusher *f = arg;

	pthread_barrier_wait(f->barrier);
	for (int i = 0; i < ROUNDS; i++) {
		*(volatile char *)f->page = 1;
		if (madvise(f->page, 1, MADV_DONTNEED))
			f->failed++;
	}
	return NULL;
}

/* Each takes a page away each time, so that each is a flush at least. */
TEST_F_TIMEOUT(secondary_tlb, eight_threads, MNCK_TIMEOUT)
{
	struct flusher flushers[FLUSHERS];
	pthread_barrier_t barrier;
	struct mnck_stats stats;

	ASSERT_EQ(0, pthread_barrier_init(&barrier, NULL, FLUSHERS));
	for (int i = 0; i < FLUSHERS; i++) {
		flushers[i] = (struct flusher){
			.barrier = &barrier, .page = self->area + i * self->page,
		};
		ASSERT_EQ(0, pthread_create(&flushers[i].thread, NULL, flush_thread, &flushers[i]));
	}
	for (int i = 0; i < FLUSHERS; i++) {
		ASSERT_EQ(0, pthread_join(flushers[i].thread, NULL));
		EXPECT_EQ(0, flushers[i].failed);
	}
	ASSERT_EQ(0, mnck_stats(&self->tlb, &stats));
	EXPECT_LE(FLUSHERS * ROUNDS, stats.flushes);
	EXPECT_LE(stats.flushes_all, stats.flushes);
	ASSERT_EQ(0, mnck_stats(&self->counter, &stats));
	EXPECT_STREQ("", mnck_broken(MNCK_KIND_COUNTER, &stats));
	EXPECT_LE(FLUSHERS * ROUNDS, stats.events[MNCK_EVENT_CLEAR]);
	EXPECT_EQ(0, stats.open);
}

/* Whoever exits takes all away, but first the subscriber: that is told no more. */
TEST_F_TIMEOUT(secondary_tlb, target_exits, MNCK_TIMEOUT)
{
	struct subscriber others;
	struct mnck_stats before;
	struct victim victim;

	ASSERT_EQ(0, victim_start(&victim, self->len));
	ASSERT_EQ(0, mnck_attach(self->fd, victim.pid, MNCK_KIND_SECONDARY_TLB, &others));
	ASSERT_EQ(0, victim_do(&victim, VICTIM_MUNMAP, VICTIM_AREA, self->page));
	ASSERT_EQ(0, mnck_stats(&others, &before));
	EXPECT_LE(1, before.flushes);

	ASSERT_EQ(0, victim_send(&victim, VICTIM_EXIT, NULL, 0));
	ASSERT_EQ(0, victim_join(&victim));
	EXPECT_STATS(&others, released(before));
	EXPECT_DETACH(&others, released(before));
}

TEST_HARNESS_MAIN
