// SPDX-License-Identifier: GPL-2.0
/*
 * munmap() of a process that a counter and a trylock are attached to: one
 * blockable UNMAP for each call, with the range of the call, and nothing else.
 *
 * The subscribers are attached to the test itself.  Each test maps, touches and
 * starts threads first and attaches then, and between that and the last look at
 * the statistics it makes no call into libc that could unmap by itself.
 */
#include <pthread.h>
#include <sched.h>
#include <stdint.h>

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

/* Mapped and touched memory between guards, so that no VMA merges with it. */
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

/* From here on only what the test does is counted, and all of it. */
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

/* The range is that of the call, neither that of the VMA nor what is left. */
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

/* The VMA is split, which must show neither as a range nor in the range. */
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

/* One range for one call, however many VMAs it covers. */
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

/* A hole between the VMAs belongs to the range; a hole by itself is none. */
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

/* A secondary MMU may know of memory that the process never touched. */
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

/* What takes nothing away from anyone is not an invalidation. */
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
 * Unmaps its memory page by page, or all if it has one call.  Waits before, so
 * that its own creation is over when the test attaches, and behind, so that it
 * does not end (and unmap its stack) before the test has looked.
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

/* Binds to the @nth CPU, modulo 2, of those that this process may use. */
static int bind_cpu(pthread_attr_t *attr, int nth)
{
	cpu_set_t all, one;
	int cpus[2], n = 0;

	if (sched_getaffinity(0, sizeof(all), &all))
		return -1;
	for (int cpu = 0; cpu < CPU_SETSIZE && n < 2; cpu++)
		if (CPU_ISSET(cpu, &all))
			cpus[n++] = cpu;
	CPU_ZERO(&one);
	CPU_SET(cpus[nth % n], &one);
	return pthread_attr_setaffinity_np(attr, sizeof(one), &one);
}

TEST_F_TIMEOUT(munmap, eight_threads, MNCK_TIMEOUT)
{
	/*
	 * One guard page between the blocks: each is a VMA, and too small to
	 * have a whole huge page in it.  The core announces the split of a
	 * larger VMA (CLEAR) whether there is a huge page or not.
	 */
	size_t stride = (ROUNDS + 1) * self->page;
	struct worker workers[THREADS];
	struct subscriber *subs[] = { &self->counter, &self->trylock };
	pthread_barrier_t barrier;
	pthread_attr_t attr;
	char *area;

	area = mmap(NULL, THREADS * stride, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, area);
	ASSERT_EQ(0, pthread_barrier_init(&barrier, NULL, THREADS + 1));
	ASSERT_EQ(0, pthread_attr_init(&attr));
	/* own_pages() touches all of each block, and of each stack. */
	ASSERT_EQ(0, pthread_attr_setstacksize(&attr, 256 * 1024));
	for (int i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){
			.barrier = &barrier,
			.start = area + i * stride,
			.len = ROUNDS * self->page,
			.calls = ROUNDS,
		};
		ASSERT_EQ(0, mprotect(workers[i].start, workers[i].len, PROT_READ | PROT_WRITE));
		ASSERT_EQ(0, bind_cpu(&attr, i));
		ASSERT_EQ(0, pthread_create(&workers[i].thread, &attr, unmap_worker, &workers[i]));
	}
	ATTACH_TO_SELF();

	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	for (size_t i = 0; i < ARRAY_SIZE(subs); i++) {
		struct mnck_stats seen, want;
		size_t nth;

		ASSERT_EQ(0, mnck_stats(subs[i], &seen));
		/* Any thread may have been the last, but each ends with its last page. */
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
