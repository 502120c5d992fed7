// SPDX-License-Identifier: GPL-2.0
/*
 * Proves that the core flushes the secondary TLB when mm removes or restricts
 * entries of the page table, and only then.
 *
 * The architecture decides how wide a flush is and in how many parts it comes:
 * arm64 turns a long one into a flush of the whole address space, x86 does so
 * where it batches flushes, and both round the range to their unit.  So a test
 * checks that a flush covers what the test has changed, and that the flush stays
 * in the surroundings.
 */
#include <pthread.h>
#include <stdint.h>

#include "mnck_harness.h"
#include "victim.h"

#define AREA_PAGES 8
/*
 * A flush of an area may cover the 2 MiB blocks that contain the area, and no more.
 */
#define BLOCK (2UL << 20)

FIXTURE(secondary_tlb)
{
	int fd;
	size_t page;
	size_t len;
	/* Touched memory between guard pages, so that unmapping it leaves its page table. */
	char *area;
	/* Where mremap() can move it: with another page table it would move it in parts. */
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
	table = mmap(NULL, 2 * BLOCK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, table);
	table += -(unsigned long)table % BLOCK;
	self->area = table + page;
	self->to = table + BLOCK / 2;
	ASSERT_EQ(0, mprotect(self->area, self->len, PROT_READ | PROT_WRITE));
	memset(self->area, 1, self->len);
	ASSERT_EQ(0, own_pages());

	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_SECONDARY_TLB, &self->tlb));
	/* A second subscriber on the same mm, which has no flush callback. */
	ASSERT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_COUNTER, &self->counter));
}

FIXTURE_TEARDOWN(secondary_tlb)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
}

/* The last flush covered @_len bytes at @_start, and little else. */
#define EXPECT_FLUSHED(_start, _len)                                              \
	do {                                                                      \
		unsigned long start_ = (unsigned long)(_start);                   \
		unsigned long end_ = start_ + (_len);                             \
		struct mnck_stats seen_, flushed_ = {};                           \
										  \
		ASSERT_EQ(0, mnck_stats(&self->tlb, &seen_));                     \
		EXPECT_LE(1, seen_.flushes);                                      \
		EXPECT_EQ(0, seen_.flushes_all);                                  \
		EXPECT_GE(start_, seen_.last_flush_start);                        \
		EXPECT_LE(end_, seen_.last_flush_end);                            \
		EXPECT_LE(start_ & -BLOCK, seen_.last_flush_start);               \
		EXPECT_GE((end_ + BLOCK - 1) & -BLOCK, seen_.last_flush_end);     \
										  \
		/* It has no callback but the flush. */                           \
		flushed_.flushes = seen_.flushes;                                 \
		flushed_.last_flush_start = seen_.last_flush_start;               \
		flushed_.last_flush_end = seen_.last_flush_end;                   \
		EXPECT_SAME_STATS(MNCK_KIND_SECONDARY_TLB, flushed_, &seen_);     \
	} while (0)

/* At least one flush was of the whole address space. */
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

/* munmap() flushes what it unmaps. */
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

/* MADV_DONTNEED flushes the pages that it removes. */
TEST_F_TIMEOUT(secondary_tlb, dontneed, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, madvise(self->area + self->page, self->page, MADV_DONTNEED));
	EXPECT_FLUSHED(self->area + self->page, self->page);
	EXPECT_COUNTED(MNCK_EVENT_CLEAR, self->area + self->page, self->page);
}

/* A subscriber that is attached with the mmap lock held sees flushes as well. */
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

/* Removing a permission flushes.  Adding one may flush, and is not tested. */
TEST_F_TIMEOUT(secondary_tlb, mprotect, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, mprotect(self->area, self->len, PROT_READ));
	EXPECT_FLUSHED(self->area, self->len);
	EXPECT_COUNTED(MNCK_EVENT_PROTECTION_VMA, self->area, self->len);
}

/* mremap() flushes the addresses that it moves pages away from. */
TEST_F_TIMEOUT(secondary_tlb, mremap, MNCK_TIMEOUT)
{
	ASSERT_EQ(self->to, mremap(self->area, self->len, self->len,
				   MREMAP_MAYMOVE | MREMAP_FIXED, self->to));
	EXPECT_FLUSHED(self->area, self->len);
}

/*
 * A write to the zero page, which replaces it by a page of the process, flushes.
 * The core calls this flush under the page table lock.
 */
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

/* Removing memory that was never touched, and so is in no page table, does not flush. */
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

/* fork() flushes the whole address space: it makes private pages read-only. */
TEST_F_TIMEOUT(secondary_tlb, fork, MNCK_TIMEOUT)
{
	pid_t child = fork();

	if (!child)
		_exit(0);
	ASSERT_LT(0, child);
	EXPECT_FLUSHED_ALL();
	ASSERT_EQ(child, waitpid(child, NULL, 0));
}

/* Clearing the soft-dirty bits flushes the whole address space. */
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

/* Each MADV_DONTNEED of each thread removes a page, and is at least one flush. */
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

/* An exit releases the subscriber before it unmaps, so the subscriber sees no flush of it. */
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
