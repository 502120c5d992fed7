// SPDX-License-Identifier: GPL-2.0
/*
 * Proves that interval subscribers can be attached and detached while an invalidation
 * is open.  The interval tree must not change meanwhile, so the core defers the change
 * to the end of the invalidation (deferred_list of mm/mmu_notifier.c), and a task that
 * depends on the change waits for it.
 *
 * The tests keep the invalidation open for as long as they want: the victim is in
 * MADV_DONTNEED, which locks only the VMA, and waits in the callback of a mirror whose
 * lock is held.
 */
#include "interval.h"
#include "mnck_harness.h"
#include "proc.h"
#include "victim.h"

#define AREA_PAGES 16

FIXTURE(interval_open)
{
	int fd;
	size_t page;
	struct victim victim;
	/* Page 0: has started and not finished while the invalidation is open. */
	struct subscriber started;
	/* Page 1: its callback waits for its lock, which keeps the invalidation open. */
	struct subscriber blocker;
	/* Pages 8 to 11: does not overlap the invalidation. */
	struct subscriber outside;
	struct call hold;
};

/* An address in the victim's area and a length, both counted in pages. */
#define AT(_page) (VICTIM_AREA + (_page) * self->page)
#define BYTES(_pages) ((_pages) * self->page)

#define ATTACH(_kind, _flags, _from, _to, _sub)                                         \
	ASSERT_EQ(0, interval_attach(self->fd, self->victim.pid, _kind, _flags, AT(_from), \
				     BYTES((_to) - (_from)), _sub))

#define SAW_CLEAR(_kind, _n, _from, _to)                                                \
	saw(_kind, _n, MNCK_EVENT_CLEAR, MNCK_RANGE_BLOCKABLE, AT(_from),               \
	    BYTES((_to) - (_from)), (_n) * BYTES((_to) - (_from)))

/*
 * Makes the blocker's callback wait in an invalidation of pages 0 and 1.  The core calls
 * the tree in the order of addresses: once the first subscriber has started, the victim
 * sleeps nowhere but in the callback of the blocker.
 */
#define OPEN_INVALIDATION()                                                             \
	do {                                                                            \
		ASSERT_EQ(0, call_begin(&self->hold, call_hold, &self->blocker));       \
		WAIT_UNTIL(mirror_holds_call(&self->blocker));                          \
		ASSERT_EQ(0, victim_send(&self->victim, VICTIM_DONTNEED, AT(0), BYTES(2))); \
		WAIT_UNTIL(stats_now(&self->started).open);                             \
		WAIT_UNTIL(proc_sleeps(self->victim.pid, self->victim.pid));            \
	} while (0)

FIXTURE_SETUP(interval_open)
{
	struct victim *v = &self->victim;

	self->fd = -1;
	self->page = getpagesize();
	ASSERT_EQ(0, victim_start(v, BYTES(AREA_PAGES)));
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	ATTACH(MNCK_KIND_TWO_PASS, 0, 0, 1, &self->started);
	ATTACH(MNCK_KIND_MIRROR, 0, 1, 2, &self->blocker);
	ATTACH(MNCK_KIND_MIRROR, 0, 8, 12, &self->outside);
	OPEN_INVALIDATION();
}

FIXTURE_TEARDOWN(interval_open)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	victim_kill(&self->victim);
}

#define EXPECT_STILL_OPEN() EXPECT_EQ(1, stats_now(&self->started).open)

/* Lets the callback of the blocker return, and waits until the invalidation has ended. */
#define END_INVALIDATION()                                                              \
	do {                                                                            \
		EXPECT_STILL_OPEN();                                                    \
		ASSERT_EQ(0, mirror_let_go(&self->blocker));                            \
		ASSERT_EQ(0, call_end(&self->hold));                                    \
		ASSERT_EQ(0, victim_wait(&self->victim));                               \
	} while (0)

/* Waits until the call sleeps in @_function of the core. */
#define WAIT_UNTIL_IN(_function, _call)                                                 \
	WAIT_UNTIL((_call)->tid && proc_sleeps_in(getpid(), (_call)->tid, _function))

/* An invalidation during which no subscriber is attached or detached ends as usual. */
TEST_F_TIMEOUT(interval_open, no_change, MNCK_TIMEOUT)
{
	struct mnck_stats open = SAW_CLEAR(MNCK_KIND_TWO_PASS, 1, 0, 2);

	open.ends = 0;
	open.open = 1;
	EXPECT_STATS(&self->started, open);
	EXPECT_STATS(&self->blocker, saw_nothing());

	END_INVALIDATION();
	EXPECT_DETACH(&self->started, SAW_CLEAR(MNCK_KIND_TWO_PASS, 1, 0, 2));
	EXPECT_DETACH(&self->blocker, SAW_CLEAR(MNCK_KIND_MIRROR, 1, 0, 2));
	EXPECT_DETACH(&self->outside, saw_nothing());
}

/*
 * An attach during an invalidation does not wait.  The new subscriber does not see that
 * invalidation, but sees the next one.
 */
TEST_F_TIMEOUT(interval_open, insert, MNCK_TIMEOUT)
{
	struct subscriber late[4];

	for (size_t i = 0; i < ARRAY_SIZE(late); i++)
		ATTACH(i & 1 ? MNCK_KIND_TWO_PASS : MNCK_KIND_MIRROR,
		       i & 2 ? MNCK_ATTACH_LOCKED : 0, 0, 4, &late[i]);
	END_INVALIDATION();
	for (size_t i = 0; i < ARRAY_SIZE(late); i++)
		EXPECT_STATS(&late[i], saw_nothing());

	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_DONTNEED, AT(1), BYTES(2)));
	for (size_t i = 0; i < ARRAY_SIZE(late); i++)
		EXPECT_DETACH(&late[i], SAW_CLEAR(late[i].kind, 1, 1, 3));
}

/* A subscriber that was attached during an invalidation can be detached without waiting. */
TEST_F_TIMEOUT(interval_open, insert_and_remove, MNCK_TIMEOUT)
{
	struct subscriber late[3];

	for (size_t i = 0; i < ARRAY_SIZE(late); i++)
		ATTACH(MNCK_KIND_MIRROR, 0, 0, 4, &late[i]);
	EXPECT_DETACH(&late[1], saw_nothing());
	EXPECT_DETACH(&late[2], saw_nothing());
	END_INVALIDATION();

	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_DONTNEED, AT(2), BYTES(2)));
	EXPECT_DETACH(&late[0], SAW_CLEAR(MNCK_KIND_MIRROR, 1, 2, 4));
}

/*
 * Detaching a subscriber that was attached before waits for the end of the invalidation,
 * although its range does not overlap.
 */
TEST_F_TIMEOUT(interval_open, remove, MNCK_TIMEOUT)
{
	struct call detach;

	ASSERT_EQ(0, call_begin(&detach, call_detach, &self->outside));
	WAIT_UNTIL_IN("mmu_interval_notifier_remove", &detach);
	END_INVALIDATION();
	ASSERT_EQ(0, call_end(&detach));
	EXPECT_SAME_STATS(MNCK_KIND_MIRROR, saw_nothing(), &detach.stats);
}

/* Detaching a subscriber that has started waits until it has finished. */
TEST_F_TIMEOUT(interval_open, remove_started, MNCK_TIMEOUT)
{
	struct mnck_stats want = SAW_CLEAR(MNCK_KIND_TWO_PASS, 1, 0, 2);
	struct call detach;

	ASSERT_EQ(0, call_begin(&detach, call_detach, &self->started));
	WAIT_UNTIL_IN("mmu_interval_notifier_remove", &detach);
	ASSERT_EQ(0, mirror_let_go(&self->blocker));
	ASSERT_EQ(0, call_end(&self->hold));
	ASSERT_EQ(0, call_end(&detach));
	EXPECT_SAME_STATS(MNCK_KIND_TWO_PASS, want, &detach.stats);
	ASSERT_EQ(0, victim_wait(&self->victim));
}

/* An attach and a detach can both be deferred during the same invalidation. */
TEST_F_TIMEOUT(interval_open, insert_beside_remove, MNCK_TIMEOUT)
{
	struct subscriber early, late;
	struct call detach;

	ATTACH(MNCK_KIND_MIRROR, 0, 0, 4, &early);
	ASSERT_EQ(0, call_begin(&detach, call_detach, &self->outside));
	WAIT_UNTIL_IN("mmu_interval_notifier_remove", &detach);
	ATTACH(MNCK_KIND_TWO_PASS, 0, 0, 4, &late);
	END_INVALIDATION();
	ASSERT_EQ(0, call_end(&detach));
	EXPECT_SAME_STATS(MNCK_KIND_MIRROR, saw_nothing(), &detach.stats);

	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_DONTNEED, AT(2), BYTES(2)));
	EXPECT_DETACH(&early, SAW_CLEAR(MNCK_KIND_MIRROR, 1, 2, 4));
	EXPECT_DETACH(&late, SAW_CLEAR(MNCK_KIND_TWO_PASS, 1, 2, 4));
}

/*
 * A lookup of a subscriber that does not see the invalidation does not wait.  A lookup of
 * one that was attached during the invalidation waits for its end: the core cannot tell
 * whether they overlap.
 */
TEST_F_TIMEOUT(interval_open, look_up, MNCK_TIMEOUT)
{
	struct call fault = { .start = AT(3), .len = BYTES(1) };
	struct subscriber late;
	__u64 entry;

	ASSERT_EQ(0, mirror_fault(&self->outside, 0, AT(8), BYTES(1)));
	ASSERT_EQ(0, mirror_read(&self->outside, AT(8), BYTES(1), &entry));
	EXPECT_NE(0, entry);

	ATTACH(MNCK_KIND_MIRROR, 0, 0, 4, &late);
	ASSERT_EQ(0, call_begin(&fault, call_fault, &late));
	WAIT_UNTIL_IN("mmu_interval_read_begin", &fault);
	ASSERT_EQ(0, mirror_read(&late, AT(3), BYTES(1), &entry));
	EXPECT_EQ(0, entry);
	END_INVALIDATION();
	ASSERT_EQ(0, call_end(&fault));
	ASSERT_EQ(0, mirror_read(&late, AT(3), BYTES(1), &entry));
	EXPECT_NE(0, entry);
	EXPECT_EQ(0, stats_now(&late).retries);
}

/* A subscriber that a call is using cannot be detached; the attempt changes nothing. */
TEST_F_TIMEOUT(interval_open, detach_is_busy, MNCK_TIMEOUT)
{
	struct mnck_stats stats;

	EXPECT_ERRNO(EBUSY, mnck_detach(&self->blocker, &stats));
	EXPECT_STATS(&self->blocker, saw_nothing());
	END_INVALIDATION();
	EXPECT_DETACH(&self->blocker, SAW_CLEAR(MNCK_KIND_MIRROR, 1, 0, 2));
	EXPECT_ERRNO(ENOENT, mnck_detach(&self->blocker, &stats));
}

/* The last close of a session waits for the invalidation, as a detach does. */
TEST_F_TIMEOUT(interval_open, session_closes, MNCK_TIMEOUT)
{
	struct subscriber other;
	struct call closing;
	int fd = mnck_open();

	ASSERT_LE(0, fd);
	/* Attach between two invalidations, so that the subscriber is in the tree. */
	END_INVALIDATION();
	ASSERT_EQ(0, interval_attach(fd, self->victim.pid, MNCK_KIND_MIRROR, 0, AT(4), BYTES(1),
				     &other));
	OPEN_INVALIDATION();

	ASSERT_EQ(0, call_begin(&closing, call_close, &other));
	WAIT_UNTIL_IN("mmu_interval_notifier_remove", &closing);
	END_INVALIDATION();
	EXPECT_EQ(0, call_end(&closing));
}

/*
 * An invalidation that no interval subscriber sees, and that a trylock keeps open.  The
 * tree may change meanwhile, but a subscriber that is attached now must wait for the
 * end, as if it saw the invalidation.
 */
FIXTURE(interval_unseen)
{
	int fd;
	size_t page;
	struct victim victim;
	/* Does not overlap the invalidation. */
	struct subscriber outside;
	struct subscriber trylock;
	struct subscriber counter;
};

FIXTURE_SETUP(interval_unseen)
{
	struct victim *v = &self->victim;

	self->fd = -1;
	self->page = getpagesize();
	ASSERT_EQ(0, victim_start(v, BYTES(AREA_PAGES)));
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	/* Attach before the range is open: the first subscriber takes the locks of all VMAs. */
	ATTACH(MNCK_KIND_MIRROR, 0, 8, 12, &self->outside);
	ASSERT_EQ(0, mnck_attach(self->fd, v->pid, MNCK_KIND_TRYLOCK, &self->trylock));
	ASSERT_EQ(0, mnck_attach(self->fd, v->pid, MNCK_KIND_COUNTER, &self->counter));
	ASSERT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_HOLD));
	ASSERT_EQ(0, victim_send(v, VICTIM_DONTNEED, AT(0), BYTES(2)));
	/* The counter was attached last and is called first; then the trylock sleeps. */
	WAIT_UNTIL(stats_now(&self->counter).open);
	WAIT_UNTIL(proc_sleeps(v->pid, v->pid));
}

FIXTURE_TEARDOWN(interval_unseen)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	victim_kill(&self->victim);
}

/*
 * The first attach during the invalidation marks the tree as in use.  From then on later
 * attaches are deferred, and a detach of the first one and a lookup wait for the end.
 */
TEST_F_TIMEOUT(interval_unseen, insert, MNCK_TIMEOUT)
{
	struct subscriber first, second, third;
	struct call detach, fault = { .start = AT(0), .len = BYTES(1) };
	__u64 entry;

	EXPECT_DETACH(&self->outside, saw_nothing());
	ATTACH(MNCK_KIND_TWO_PASS, 0, 0, 4, &first);
	ATTACH(MNCK_KIND_MIRROR, 0, 0, 4, &second);
	ATTACH(MNCK_KIND_MIRROR, 0, 0, 4, &third);

	ASSERT_EQ(0, call_begin(&detach, call_detach, &first));
	WAIT_UNTIL_IN("mmu_interval_notifier_remove", &detach);
	ASSERT_EQ(0, call_begin(&fault, call_fault, &second));
	WAIT_UNTIL_IN("mmu_interval_read_begin", &fault);
	EXPECT_DETACH(&third, saw_nothing());
	EXPECT_EQ(1, stats_now(&self->counter).open);

	ASSERT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_RELEASE));
	ASSERT_EQ(0, call_end(&fault));
	ASSERT_EQ(0, call_end(&detach));
	ASSERT_EQ(0, victim_wait(&self->victim));
	EXPECT_SAME_STATS(MNCK_KIND_TWO_PASS, saw_nothing(), &detach.stats);
	ASSERT_EQ(0, mirror_read(&second, AT(0), BYTES(1), &entry));
	EXPECT_NE(0, entry);

	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_DONTNEED, AT(0), BYTES(2)));
	EXPECT_DETACH(&second, SAW_CLEAR(MNCK_KIND_MIRROR, 1, 0, 2));
}

/*
 * A lookup of the first subscriber that was attached waits as well; a lookup of one that
 * was attached before does not.
 */
TEST_F_TIMEOUT(interval_unseen, look_up, MNCK_TIMEOUT)
{
	struct call fault = { .start = AT(0), .len = BYTES(1) };
	struct subscriber first;
	__u64 entry;

	ATTACH(MNCK_KIND_MIRROR, 0, 0, 4, &first);
	ASSERT_EQ(0, call_begin(&fault, call_fault, &first));
	WAIT_UNTIL_IN("mmu_interval_read_begin", &fault);
	/* This one was attached before the invalidation, and does not wait. */
	ASSERT_EQ(0, mirror_fault(&self->outside, 0, AT(8), BYTES(1)));
	EXPECT_EQ(1, stats_now(&self->counter).open);

	ASSERT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_RELEASE));
	ASSERT_EQ(0, call_end(&fault));
	ASSERT_EQ(0, mirror_read(&first, AT(0), BYTES(1), &entry));
	EXPECT_NE(0, entry);
	ASSERT_EQ(0, victim_wait(&self->victim));
	EXPECT_DETACH(&first, saw_nothing());
}

TEST_HARNESS_MAIN
