// SPDX-License-Identifier: GPL-2.0
/*
 * Proves that an interval subscriber is notified of each invalidation that overlaps
 * its range, with the whole range of the invalidation, and of no other one.
 *
 * The subscribers are attached to the test itself.  They do not see what libc does
 * to memory outside of their ranges.
 */
#include <sys/wait.h>

#include "child.h"
#include "guarded_area.h"
#include "interval.h"
#include "mnck_harness.h"

#define AREA_PAGES 16

FIXTURE(interval)
{
	int fd;
	size_t page;
	char *area;
};

FIXTURE_VARIANT(interval)
{
	__u32 kind;
	__u32 flags;
};

FIXTURE_VARIANT_ADD(interval, mirror)
{
	.kind = MNCK_KIND_MIRROR,
};

FIXTURE_VARIANT_ADD(interval, two_pass)
{
	.kind = MNCK_KIND_TWO_PASS,
};

FIXTURE_VARIANT_ADD(interval, mirror_locked)
{
	.kind = MNCK_KIND_MIRROR,
	.flags = MNCK_ATTACH_LOCKED,
};

FIXTURE_VARIANT_ADD(interval, two_pass_locked)
{
	.kind = MNCK_KIND_TWO_PASS,
	.flags = MNCK_ATTACH_LOCKED,
};

FIXTURE_SETUP(interval)
{
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	self->page = getpagesize();
	ASSERT_EQ(0, small_pages());
	self->area = guarded_area(AREA_PAGES * self->page);
	ASSERT_NE(NULL, self->area);
	memset(self->area, 1, AREA_PAGES * self->page);
}

FIXTURE_TEARDOWN(interval)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
}

/* An address in the area and a length, both counted in pages. */
#define AT(_page) (self->area + (_page) * self->page)
#define BYTES(_pages) ((_pages) * self->page)

/* Attaches @_sub to the pages from @_from up to, but not including, @_to. */
#define ATTACH(_from, _to, _sub)                                                        \
	ASSERT_EQ(0, interval_attach(self->fd, 0, variant->kind, variant->flags, AT(_from), \
				     BYTES((_to) - (_from)), _sub))

#define DONTNEED(_from, _to) \
	ASSERT_EQ(0, madvise(AT(_from), BYTES((_to) - (_from)), MADV_DONTNEED))

/* The subscriber has seen @_n ranges of @_event, each of the pages from @_from to @_to. */
#define SAW(_n, _event, _from, _to)                                                     \
	saw(variant->kind, _n, _event, MNCK_RANGE_BLOCKABLE, AT(_from),                 \
	    BYTES((_to) - (_from)), (_n) * BYTES((_to) - (_from)))

/* A subscriber does not see a range that is adjacent to its own: both are half open. */
TEST_F_TIMEOUT(interval, touching, MNCK_TIMEOUT)
{
	struct mnck_stats want;
	struct subscriber sub;

	ATTACH(4, 8, &sub);
	DONTNEED(0, 4);
	DONTNEED(8, 12);
	ASSERT_EQ(0, munmap(AT(3), BYTES(1)));
	ASSERT_EQ(0, munmap(AT(8), BYTES(1)));
	EXPECT_STATS(&sub, saw_nothing());

	/* The subscriber sees the whole range, not only the part that overlaps its own. */
	DONTNEED(4, 5);
	want = SAW(1, MNCK_EVENT_CLEAR, 4, 5);
	EXPECT_STATS(&sub, want);

	ASSERT_EQ(0, munmap(AT(7), BYTES(5)));
	want = SAW(2, MNCK_EVENT_UNMAP, 7, 12);
	want.events[MNCK_EVENT_CLEAR] = 1;
	want.events[MNCK_EVENT_UNMAP] = 1;
	want.bytes = BYTES(1 + 5);
	EXPECT_STATS(&sub, want);

	ASSERT_EQ(0, munmap(AT(0), BYTES(AREA_PAGES)));
	want = SAW(3, MNCK_EVENT_UNMAP, 0, AREA_PAGES);
	want.events[MNCK_EVENT_CLEAR] = 1;
	want.events[MNCK_EVENT_UNMAP] = 2;
	want.bytes = BYTES(1 + 5 + AREA_PAGES);
	EXPECT_STATS(&sub, want);
	EXPECT_DETACH(&sub, want);
}

/* Two subscribers to adjacent ranges see different invalidations, or both the same. */
TEST_F_TIMEOUT(interval, disjoint, MNCK_TIMEOUT)
{
	struct subscriber low, high;
	struct mnck_stats both;

	ATTACH(0, 4, &low);
	ATTACH(4, 8, &high);
	DONTNEED(3, 4);
	EXPECT_STATS(&low, SAW(1, MNCK_EVENT_CLEAR, 3, 4));
	EXPECT_STATS(&high, saw_nothing());
	DONTNEED(4, 5);
	EXPECT_STATS(&low, SAW(1, MNCK_EVENT_CLEAR, 3, 4));
	EXPECT_STATS(&high, SAW(1, MNCK_EVENT_CLEAR, 4, 5));

	DONTNEED(3, 5);
	both = SAW(2, MNCK_EVENT_CLEAR, 3, 5);
	both.bytes = BYTES(1 + 2);
	EXPECT_STATS(&low, both);
	EXPECT_STATS(&high, both);

	/* Detaching one does not affect the other. */
	EXPECT_DETACH(&low, both);
	DONTNEED(4, 5);
	both = SAW(3, MNCK_EVENT_CLEAR, 4, 5);
	both.bytes = BYTES(1 + 2 + 1);
	EXPECT_DETACH(&high, both);
}

/*
 * Subscribers whose ranges overlap each see the invalidations of their own range: one range
 * contains another, two are equal, and one overlaps the others in part.
 */
TEST_F_TIMEOUT(interval, overlapping, MNCK_TIMEOUT)
{
	struct subscriber outer, inner, twin, across;
	struct mnck_stats outer_sees;

	ATTACH(0, 12, &outer);
	ATTACH(4, 8, &inner);
	ATTACH(4, 8, &twin);
	ATTACH(6, 14, &across);

	DONTNEED(0, 4);
	DONTNEED(7, 8);
	outer_sees = SAW(2, MNCK_EVENT_CLEAR, 7, 8);
	outer_sees.bytes = BYTES(4 + 1);
	EXPECT_STATS(&outer, outer_sees);
	EXPECT_STATS(&inner, SAW(1, MNCK_EVENT_CLEAR, 7, 8));
	EXPECT_STATS(&twin, SAW(1, MNCK_EVENT_CLEAR, 7, 8));
	EXPECT_STATS(&across, SAW(1, MNCK_EVENT_CLEAR, 7, 8));

	EXPECT_DETACH(&inner, SAW(1, MNCK_EVENT_CLEAR, 7, 8));
	DONTNEED(12, 14);
	EXPECT_STATS(&outer, outer_sees);
	EXPECT_STATS(&twin, SAW(1, MNCK_EVENT_CLEAR, 7, 8));
	DONTNEED(4, 6);
	EXPECT_EQ(3, stats_now(&outer).starts);
	EXPECT_EQ(2, stats_now(&twin).starts);
	EXPECT_EQ(2, stats_now(&across).starts);
}

/* A subscriber that is attached before @_call and detached after it has seen @_want. */
#define EXPECT_SEEN(_call, _want)                                                       \
	do {                                                                            \
		struct subscriber sub_;                                                 \
											\
		ATTACH(4, 8, &sub_);                                                    \
		ASSERT_EQ(0, _call);                                                    \
		EXPECT_DETACH(&sub_, _want);                                            \
	} while (0)

/* Each event is caused by a system call that is known to cause it. */
TEST_F_TIMEOUT(interval, events, MNCK_TIMEOUT)
{
	char *elsewhere = mmap(NULL, BYTES(2), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct subscriber sub;
	int clear_refs;
	pid_t child;

	ASSERT_NE(MAP_FAILED, elsewhere);
	EXPECT_SEEN(madvise(AT(2), BYTES(3), MADV_FREE), SAW(1, MNCK_EVENT_CLEAR, 2, 5));
	EXPECT_SEEN(mprotect(AT(7), BYTES(2), PROT_READ),
		    SAW(1, MNCK_EVENT_PROTECTION_VMA, 7, 9));
	EXPECT_SEEN(mprotect(AT(7), BYTES(2), PROT_READ | PROT_WRITE),
		    SAW(1, MNCK_EVENT_PROTECTION_VMA, 7, 9));

	clear_refs = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
	ASSERT_LE(0, clear_refs);
	EXPECT_SEEN(write(clear_refs, "4", 1) - 1,
		    saw(variant->kind, 1, MNCK_EVENT_SOFT_DIRTY, MNCK_RANGE_BLOCKABLE, NULL,
			ULONG_MAX, ULONG_MAX));

	/* fork() is a range of the whole VMA; the first write to a page afterwards is a CLEAR. */
	ATTACH(4, 8, &sub);
	child = child_start();
	ASSERT_LT(0, child);
	EXPECT_DETACH(&sub, SAW(1, MNCK_EVENT_PROTECTION_PAGE, 0, AREA_PAGES));
	EXPECT_SEEN(!(*AT(4) = 2), SAW(1, MNCK_EVENT_CLEAR, 4, 5));
	EXPECT_SEEN(!(*AT(4) = 3), saw_nothing());
	ASSERT_EQ(0, child_kill(&child));

	/* mremap() moves the pages away, and then unmaps their old addresses. */
	EXPECT_SEEN(mremap(AT(4), BYTES(2), BYTES(2), MREMAP_MAYMOVE | MREMAP_FIXED,
			   elsewhere) == MAP_FAILED, SAW(2, MNCK_EVENT_UNMAP, 4, 6));
	EXPECT_SEEN(mmap(AT(5), BYTES(2), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
			 -1, 0) == MAP_FAILED, SAW(1, MNCK_EVENT_UNMAP, 5, 7));
}

/* Touching, locking and aging pages, and unmapping a hole, are no invalidation. */
TEST_F_TIMEOUT(interval, silent, MNCK_TIMEOUT)
{
	struct subscriber sub;

	DONTNEED(0, AREA_PAGES);
	ASSERT_EQ(0, munmap(AT(5), BYTES(1)));

	ATTACH(4, 8, &sub);
	memset(AT(4), 1, BYTES(1));
	memset(AT(6), 1, BYTES(2));
	ASSERT_EQ(0, mlock(AT(4), BYTES(1)));
	ASSERT_EQ(0, munlock(AT(4), BYTES(1)));
	ASSERT_EQ(0, madvise(AT(4), BYTES(1), MADV_COLD));
	ASSERT_EQ(0, munmap(AT(5), BYTES(1)));
	EXPECT_DETACH(&sub, saw_nothing());
}

#define THREADS 8
#define ROUNDS 100

struct worker {
	pthread_t thread;
	char *start;
	size_t page;
	unsigned int failed;
};

static void *dontneed_thread(void *arg)
{
	struct worker *w = arg;

	for (int i = 0; i < ROUNDS; i++)
		w->failed += !!madvise(w->start + i * w->page, w->page, MADV_DONTNEED);
	return NULL;
}

/*
 * No range is lost or counted twice when eight threads invalidate at once.  MADV_DONTNEED
 * locks only the VMA, and each thread has a VMA of its own, so that their ranges are
 * open at the same time.
 */
TEST_F_TIMEOUT(interval, eight_threads, MNCK_TIMEOUT)
{
	size_t stride = (ROUNDS + 1) * self->page;
	struct subscriber subs[THREADS], all;
	struct worker workers[THREADS];
	struct mnck_stats seen, want;
	char *area;
	size_t nth;

	area = mmap(NULL, THREADS * stride, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, area);
	for (int i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ .start = area + i * stride, .page = self->page };
		ASSERT_EQ(0, mprotect(workers[i].start, BYTES(ROUNDS), PROT_READ | PROT_WRITE));
		ASSERT_EQ(0, interval_attach(self->fd, 0, variant->kind, variant->flags,
					     workers[i].start, BYTES(ROUNDS), &subs[i]));
	}
	ASSERT_EQ(0, interval_attach(self->fd, 0, variant->kind, variant->flags, area,
				     THREADS * stride, &all));
	for (int i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_create(&workers[i].thread, NULL, dontneed_thread,
					    &workers[i]));
	for (int i = 0; i < THREADS; i++) {
		ASSERT_EQ(0, pthread_join(workers[i].thread, NULL));
		EXPECT_EQ(0, workers[i].failed);
	}

	for (int i = 0; i < THREADS; i++)
		EXPECT_DETACH(&subs[i], saw(variant->kind, ROUNDS, MNCK_EVENT_CLEAR,
					    MNCK_RANGE_BLOCKABLE,
					    workers[i].start + BYTES(ROUNDS - 1), self->page,
					    BYTES(ROUNDS)));
	/* Any thread may have come last, but its last page was the end of its block. */
	ASSERT_EQ(0, mnck_stats(&all, &seen));
	nth = (seen.last_start - (uintptr_t)area) / stride;
	EXPECT_GT(THREADS, nth);
	want = saw(variant->kind, THREADS * ROUNDS, MNCK_EVENT_CLEAR, MNCK_RANGE_BLOCKABLE,
		   area + nth * stride + BYTES(ROUNDS - 1), self->page,
		   THREADS * BYTES(ROUNDS));
	EXPECT_SAME_STATS(variant->kind, want, &seen);
}

TEST_HARNESS_MAIN
