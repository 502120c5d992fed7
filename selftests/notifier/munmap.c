// SPDX-License-Identifier: GPL-2.0
/*
 * Proves that the core notifies the subscribers of a process of one blockable
 * UNMAP for each munmap(), with the range of the call, and of nothing else.
 *
 * A counter and a trylock are attached to the test itself.  Each test first maps
 * and touches its memory and starts its threads, and then attaches.  From there
 * until it has read the last statistics it makes no call into libc that could
 * unmap memory.
 */
#include <pthread.h>
#include <stdint.h>

#include "cpus.h"
#include "mnck_harness.h"

#define AREA_PAGES 8

FIXTURE(munmap)
{
	int fd;
	struct subscriber counter;
	struct subscriber trylock;
	size_t page;
	char *area;
};

/* Maps and touches @len bytes between guard pages, so that no VMA merges with them. */
static char *map_area(size_t len, size_t page)
{
	char *p = mmap(NULL, len + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p + page, len, PROT_READ | PROT_WRITE))
		return NULL;
	memset(p + page, 0x5a, len);
	return p + page;
}

FIXTURE_SETUP(munmap)
{
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	self->page = getpagesize();
	ASSERT_EQ(0, small_pages());
	self->area = map_area(AREA_PAGES * self->page, self->page);
	ASSERT_NE(NULL, self->area);
}

FIXTURE_TEARDOWN(munmap)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
}

/* Attaches both; from here on they count what the test does, and nothing else. */
#define ATTACH_TO_SELF()                                                          \
	do {                                                                      \
		ASSERT_EQ(0, own_pages());                                        \
		ASSERT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_COUNTER, &self->counter)); \
		ASSERT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_TRYLOCK, &self->trylock)); \
	} while (0)

/* Both have seen @n munmaps of @len bytes each, the last at @addr. */
#define EXPECT_UNMAPS(n, addr, len)                                               \
	do {                                                                      \
		EXPECT_STATS(&self->counter, saw_unmaps(MNCK_KIND_COUNTER, n, addr, len)); \
		EXPECT_STATS(&self->trylock, saw_unmaps(MNCK_KIND_TRYLOCK, n, addr, len)); \
	} while (0)

/* Unmapping a whole VMA is one UNMAP of the VMA. */
TEST_F_TIMEOUT(munmap, whole, MNCK_TIMEOUT)
{
	size_t len = AREA_PAGES * self->page;

	ATTACH_TO_SELF();
	EXPECT_STATS(&self->counter, saw_nothing());
	EXPECT_STATS(&self->trylock, saw_nothing());

	ASSERT_EQ(0, munmap(self->area, len));
	EXPECT_UNMAPS(1, self->area, len);

	EXPECT_DETACH(&self->trylock, saw_unmaps(MNCK_KIND_TRYLOCK, 1, self->area, len));
	EXPECT_DETACH(&self->counter, saw_unmaps(MNCK_KIND_COUNTER, 1, self->area, len));
}

/* Unmapping the first or the last pages of a VMA is an UNMAP of just these pages. */
TEST_F_TIMEOUT(munmap, partial, MNCK_TIMEOUT)
{
	size_t len = 2 * self->page;
	char *tail = self->area + (AREA_PAGES - 2) * self->page;

	ATTACH_TO_SELF();

	ASSERT_EQ(0, munmap(self->area, len));
	EXPECT_UNMAPS(1, self->area, len);

	ASSERT_EQ(0, munmap(tail, len));
	EXPECT_UNMAPS(2, tail, len);

	EXPECT_EQ(0x5a, self->area[len]);
	EXPECT_EQ(0x5a, tail[-1]);
}

/* Splitting the VMA neither adds a range nor changes the one of the call. */
TEST_F_TIMEOUT(munmap, middle, MNCK_TIMEOUT)
{
	char *middle = self->area + 3 * self->page;
	size_t len = 2 * self->page;

	ATTACH_TO_SELF();

	ASSERT_EQ(0, munmap(middle, len));
	EXPECT_UNMAPS(1, middle, len);

	EXPECT_EQ(0x5a, middle[-1]);
	EXPECT_EQ(0x5a, middle[len]);
}

/* One call that covers two VMAs is one range. */
TEST_F_TIMEOUT(munmap, two_vmas, MNCK_TIMEOUT)
{
	char *second = self->area + 3 * self->page;
	char *start = self->area + self->page;
	size_t len = 4 * self->page;

	ASSERT_EQ(0, mprotect(second, (AREA_PAGES - 3) * self->page, PROT_READ));
	ATTACH_TO_SELF();

	ASSERT_EQ(0, munmap(start, len));
	EXPECT_UNMAPS(1, start, len);
}

/* The range includes a hole between two VMAs; unmapping a hole alone is no range. */
TEST_F_TIMEOUT(munmap, hole, MNCK_TIMEOUT)
{
	char *hole = self->area + 3 * self->page;
	size_t len = AREA_PAGES * self->page;

	ASSERT_EQ(0, munmap(hole, 2 * self->page));
	ATTACH_TO_SELF();

	ASSERT_EQ(0, munmap(hole, 2 * self->page));
	EXPECT_STATS(&self->counter, saw_nothing());
	EXPECT_STATS(&self->trylock, saw_nothing());

	ASSERT_EQ(0, munmap(self->area, len));
	EXPECT_UNMAPS(1, self->area, len);
}

/* Unmapping untouched memory is a range, too: a secondary MMU may have mapped it. */
TEST_F_TIMEOUT(munmap, untouched, MNCK_TIMEOUT)
{
	size_t len = 4 * self->page;
	char *p;

	ATTACH_TO_SELF();
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, p);

	ASSERT_EQ(0, munmap(p, len));
	EXPECT_UNMAPS(1, p, len);
}

/* Mapping, touching and locking memory, and a munmap() that fails, are no range. */
TEST_F_TIMEOUT(munmap, silent, MNCK_TIMEOUT)
{
	size_t len = 4 * self->page;
	char *p;

	ATTACH_TO_SELF();
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, p);
	memset(p, 1, len);
	ASSERT_EQ(0, mlock(p, len));
	ASSERT_EQ(0, munlock(p, len));
	EXPECT_EQ(-1, munmap(p + 1, len));	/* not aligned */

	EXPECT_STATS(&self->counter, saw_nothing());
	EXPECT_STATS(&self->trylock, saw_nothing());
}

struct worker {
	pthread_t thread;
	pthread_barrier_t *barrier;
	char *start;
	size_t len;
	unsigned int calls;
	unsigned int failed;
};

/*
 * Unmaps its memory in @calls equal parts.  Waits at the barrier before it starts,
 * so that the test attaches after the thread was created, and after it is done, so
 * that it does not end (and unmap its stack) before the test has read the
 * statistics.
 */
static void *unmap_worker(void *arg)
{
	struct worker *w = arg;
	size_t len = w->len / w->calls;

	pthread_barrier_wait(w->barrier);
	for (unsigned int i = 0; i < w->calls; i++)
		if (munmap(w->start + i * len, len))
			w->failed++;
	pthread_barrier_wait(w->barrier);	/* done */
	pthread_barrier_wait(w->barrier);	/* may end */
	return NULL;
}

/* Subscribers see the munmap() of any thread of the process. */
TEST_F_TIMEOUT(munmap, other_thread, MNCK_TIMEOUT)
{
	size_t len = AREA_PAGES * self->page;
	pthread_barrier_t barrier;
	struct worker w = {
		.barrier = &barrier, .start = self->area, .len = len, .calls = 1,
	};

	ASSERT_EQ(0, pthread_barrier_init(&barrier, NULL, 2));
	ASSERT_EQ(0, pthread_create(&w.thread, NULL, unmap_worker, &w));
	ATTACH_TO_SELF();

	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	EXPECT_UNMAPS(1, self->area, len);

	pthread_barrier_wait(&barrier);
	ASSERT_EQ(0, pthread_join(w.thread, NULL));
	EXPECT_EQ(0, w.failed);
}

#define THREADS 8
#define ROUNDS 500

/* No range is lost or counted twice when eight threads on two CPUs unmap at once. */
TEST_F_TIMEOUT(munmap, eight_threads, MNCK_TIMEOUT)
{
	/*
	 * A guard page between the blocks makes each of them a VMA.  It is too
	 * small to contain a whole huge page: for a larger VMA the core sends a
	 * CLEAR when it is split, whether it has a huge page or not.
	 */
	size_t stride = (ROUNDS + 1) * self->page;
	struct worker workers[THREADS];
	struct subscriber *subs[] = { &self->counter, &self->trylock };
	pthread_barrier_t barrier;
	pthread_attr_t attr;
	int cpus[2], nr_cpus;
	char *area;

	nr_cpus = cpus_allowed(cpus, ARRAY_SIZE(cpus));
	ASSERT_LT(0, nr_cpus);
	area = mmap(NULL, THREADS * stride, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, area);
	ASSERT_EQ(0, pthread_barrier_init(&barrier, NULL, THREADS + 1));
	ASSERT_EQ(0, pthread_attr_init(&attr));
	/* Small stacks, since own_pages() touches all of each block and of each stack. */
	ASSERT_EQ(0, pthread_attr_setstacksize(&attr, 256 * 1024));
	for (int i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){
			.barrier = &barrier,
			.start = area + i * stride,
			.len = ROUNDS * self->page,
			.calls = ROUNDS,
		};
		ASSERT_EQ(0, mprotect(workers[i].start, workers[i].len, PROT_READ | PROT_WRITE));
		ASSERT_EQ(0, cpu_bind_attr(&attr, cpus[i % nr_cpus]));
		ASSERT_EQ(0, pthread_create(&workers[i].thread, &attr, unmap_worker, &workers[i]));
	}
	ATTACH_TO_SELF();

	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	for (size_t i = 0; i < ARRAY_SIZE(subs); i++) {
		struct mnck_stats seen, want;
		size_t nth;

		ASSERT_EQ(0, mnck_stats(subs[i], &seen));
		/* Any thread may have come last, but its last page was the end of its block. */
		nth = (seen.last_start - (uintptr_t)area) / stride;
		EXPECT_GT(THREADS, nth);
		want = saw_unmaps(subs[i]->kind, THREADS * ROUNDS,
				  area + nth * stride + (ROUNDS - 1) * self->page, self->page);
		EXPECT_SAME_STATS(subs[i]->kind, want, &seen);
	}

	pthread_barrier_wait(&barrier);
	for (int i = 0; i < THREADS; i++) {
		ASSERT_EQ(0, pthread_join(workers[i].thread, NULL));
		EXPECT_EQ(0, workers[i].failed);
	}
}

TEST_HARNESS_MAIN
