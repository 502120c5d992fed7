// SPDX-License-Identifier: GPL-2.0
/*
 * Interval subscribers that come and go while an invalidation is open: the tree
 * of them must not change meanwhile, so the core puts it off (deferred_list of
 * mm/mmu_notifier.c), and who needs the result waits.
 *
 * The invalidation is open for as long as the test wants: the victim is in
 * MADV_DONTNEED, for which it has locked its VMA alone, and in the callback of
 * a mirror whose lock is held.
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
	/* Of pages 0, 1 and 8 to 12. */
	struct subscriber witness;
	struct subscriber gate;
	struct subscriber bystander;
	struct call hold;
};

/* Of the victim's area, counted in pages. */
#define AT(_page) (VICTIM_AREA + (_page) * self->page)
#define BYTES(_pages) ((_pages) * self->page)

#define ATTACH(_kind, _flags, _from, _to, _sub)                                         \
	ASSERT_EQ(0, interval_attach(self->fd, self->victim.pid, _kind, _flags, AT(_from), \
				     BYTES((_to) - (_from)), _sub))

#define SAW_CLEAR(_kind, _n, _from, _to)                                                \
	saw(_kind, _n, MNCK_EVENT_CLEAR, MNCK_RANGE_BLOCKABLE, AT(_from),               \
	    BYTES((_to) - (_from)), (_n) * BYTES((_to) - (_from)))

FIXTURE_SETUP(interval_open)
{
	struct victim *v = &self->victim;

	self->fd = -1;
	self->page = getpagesize();
	ASSERT_EQ(0, victim_start(v, BYTES(AREA_PAGES)));
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	ATTACH(MNCK_KIND_TWO_PASS, 0, 0, 1, &self->witness);
	ATTACH(MNCK_KIND_MIRROR, 0, 1, 2, &self->gate);
	ATTACH(MNCK_KIND_MIRROR, 0, 8, 12, &self->bystander);

	ASSERT_EQ(0, call_begin(&self->hold, call_hold, &self->gate));
	WAIT_UNTIL(mirror_holds_call(&self->gate));
	ASSERT_EQ(0, victim_send(v, VICTIM_DONTNEED, AT(0), BYTES(2)));
	/*
	 * The tree is called from low to high.  When the witness has started
	 * nothing sleeps any more but the gate, and behind that nothing ends.
	 */
	WAIT_UNTIL(stats_now(&self->witness).open);
	WAIT_UNTIL(proc_sleeps(v->pid, v->pid));
}

FIXTURE_TEARDOWN(interval_open)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	victim_kill(&self->victim);
}

#define EXPECT_STILL_OPEN() EXPECT_EQ(1, stats_now(&self->witness).open)

/* Lets the invalidation end. */
#define END()                                                                           \
	do {                                                                            \
		EXPECT_STILL_OPEN();                                                    \
		ASSERT_EQ(0, mirror_let_go(&self->gate));                               \
		ASSERT_EQ(0, call_end(&self->hold));                                    \
		ASSERT_EQ(0, victim_wait(&self->victim));                               \
	} while (0)

/* The first thing it does in the function it sleeps in is to wait. */
#define WAIT_UNTIL_IN(_function, _call)                                                 \
	WAIT_UNTIL((_call)->tid && proc_sleeps_in(getpid(), (_call)->tid, _function))

TEST_F_TIMEOUT(interval_open, nobody, MNCK_TIMEOUT)
{
	struct mnck_stats open = SAW_CLEAR(MNCK_KIND_TWO_PASS, 1, 0, 2);

	open.ends = 0;
	open.open = 1;
	EXPECT_STATS(&self->witness, open);
	EXPECT_STATS(&self->gate, saw_nothing());

	END();
	EXPECT_DETACH(&self->witness, SAW_CLEAR(MNCK_KIND_TWO_PASS, 1, 0, 2));
	EXPECT_DETACH(&self->gate, SAW_CLEAR(MNCK_KIND_MIRROR, 1, 0, 2));
	EXPECT_DETACH(&self->bystander, saw_nothing());
}

/* Who comes now does not wait, is not told of what is open, and is told of the next. */
TEST_F_TIMEOUT(interval_open, insert, MNCK_TIMEOUT)
{
	struct subscriber late[4];

	for (size_t i = 0; i < ARRAY_SIZE(late); i++)
		ATTACH(i & 1 ? MNCK_KIND_TWO_PASS : MNCK_KIND_MIRROR,
		       i & 2 ? MNCK_ATTACH_LOCKED : 0, 0, 4, &late[i]);
	END();
	for (size_t i = 0; i < ARRAY_SIZE(late); i++)
		EXPECT_STATS(&late[i], saw_nothing());

	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_DONTNEED, AT(1), BYTES(2)));
	for (size_t i = 0; i < ARRAY_SIZE(late); i++)
		EXPECT_DETACH(&late[i], SAW_CLEAR(late[i].kind, 1, 1, 3));
}

/* Who came now may go at once: it is not in the tree yet. */
TEST_F_TIMEOUT(interval_open, insert_and_remove, MNCK_TIMEOUT)
{
	struct subscriber late[3];

	for (size_t i = 0; i < ARRAY_SIZE(late); i++)
		ATTACH(MNCK_KIND_MIRROR, 0, 0, 4, &late[i]);
	EXPECT_DETACH(&late[1], saw_nothing());
	EXPECT_DETACH(&late[2], saw_nothing());
	END();

	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_DONTNEED, AT(2), BYTES(2)));
	EXPECT_DETACH(&late[0], SAW_CLEAR(MNCK_KIND_MIRROR, 1, 2, 4));
}

/* Who was there before waits for the end, although it is not concerned. */
TEST_F_TIMEOUT(interval_open, remove, MNCK_TIMEOUT)
{
	struct call detach;

	ASSERT_EQ(0, call_begin(&detach, call_detach, &self->bystander));
	WAIT_UNTIL_IN("mmu_interval_notifier_remove", &detach);
	END();
	ASSERT_EQ(0, call_end(&detach));
	EXPECT_SAME_STATS(MNCK_KIND_MIRROR, saw_nothing(), &detach.stats);
}

/* Who has started finishes first. */
TEST_F_TIMEOUT(interval_open, remove_started, MNCK_TIMEOUT)
{
	struct mnck_stats want = SAW_CLEAR(MNCK_KIND_TWO_PASS, 1, 0, 2);
	struct call detach;

	ASSERT_EQ(0, call_begin(&detach, call_detach, &self->witness));
	WAIT_UNTIL_IN("mmu_interval_notifier_remove", &detach);
	ASSERT_EQ(0, mirror_let_go(&self->gate));
	ASSERT_EQ(0, call_end(&self->hold));
	ASSERT_EQ(0, call_end(&detach));
	EXPECT_SAME_STATS(MNCK_KIND_TWO_PASS, want, &detach.stats);
	ASSERT_EQ(0, victim_wait(&self->victim));
}

/* Both put off at once, in one list. */
TEST_F_TIMEOUT(interval_open, insert_beside_remove, MNCK_TIMEOUT)
{
	struct subscriber early, late;
	struct call detach;

	ATTACH(MNCK_KIND_MIRROR, 0, 0, 4, &early);
	ASSERT_EQ(0, call_begin(&detach, call_detach, &self->bystander));
	WAIT_UNTIL_IN("mmu_interval_notifier_remove", &detach);
	ATTACH(MNCK_KIND_TWO_PASS, 0, 0, 4, &late);
	END();
	ASSERT_EQ(0, call_end(&detach));
	EXPECT_SAME_STATS(MNCK_KIND_MIRROR, saw_nothing(), &detach.stats);

	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_DONTNEED, AT(2), BYTES(2)));
	EXPECT_DETACH(&early, SAW_CLEAR(MNCK_KIND_MIRROR, 1, 2, 4));
	EXPECT_DETACH(&late, SAW_CLEAR(MNCK_KIND_TWO_PASS, 1, 2, 4));
}

/*
 * A lookup of who is not told of the invalidation goes on; one of who came too
 * late to be told waits for its end, since nobody knows what it is about.
 */
TEST_F_TIMEOUT(interval_open, look_up, MNCK_TIMEOUT)
{
	struct call fault = { .start = AT(3), .len = BYTES(1) };
	struct subscriber late;
	__u64 entry;

	ASSERT_EQ(0, mirror_fault(&self->bystander, 0, AT(8), BYTES(1)));
	ASSERT_EQ(0, mirror_read(&self->bystander, AT(8), BYTES(1), &entry));
	EXPECT_NE(0, entry);

	ATTACH(MNCK_KIND_MIRROR, 0, 0, 4, &late);
	ASSERT_EQ(0, call_begin(&fault, call_fault, &late));
	WAIT_UNTIL_IN("mmu_interval_read_begin", &fault);
	ASSERT_EQ(0, mirror_read(&late, AT(3), BYTES(1), &entry));
	EXPECT_EQ(0, entry);
	END();
	ASSERT_EQ(0, call_end(&fault));
	ASSERT_EQ(0, mirror_read(&late, AT(3), BYTES(1), &entry));
	EXPECT_NE(0, entry);
	EXPECT_EQ(0, stats_now(&late).retries);
}

/* A call on the subscriber keeps it from being detached, and nothing else. */
TEST_F_TIMEOUT(interval_open, detach_is_busy, MNCK_TIMEOUT)
{
	struct mnck_stats stats;

	EXPECT_ERRNO(EBUSY, mnck_detach(&self->gate, &stats));
	EXPECT_STATS(&self->gate, saw_nothing());
	END();
	EXPECT_DETACH(&self->gate, SAW_CLEAR(MNCK_KIND_MIRROR, 1, 0, 2));
	EXPECT_ERRNO(ENOENT, mnck_detach(&self->gate, &stats));
}

/* The last close of a session waits as a detach does. */
TEST_F_TIMEOUT(interval_open, session_closes, MNCK_TIMEOUT)
{
	struct subscriber other;
	struct call closing;
	int fd = mnck_open();

	ASSERT_LE(0, fd);
	/* In the tree, which it would not be if it were attached now. */
	END();
	ASSERT_EQ(0, interval_attach(fd, self->victim.pid, MNCK_KIND_MIRROR, 0, AT(4), BYTES(1),
				     &other));
	ASSERT_EQ(0, call_begin(&self->hold, call_hold, &self->gate));
	WAIT_UNTIL(mirror_holds_call(&self->gate));
	ASSERT_EQ(0, victim_send(&self->victim, VICTIM_DONTNEED, AT(0), BYTES(2)));
	WAIT_UNTIL(stats_now(&self->witness).open);
	WAIT_UNTIL(proc_sleeps(self->victim.pid, self->victim.pid));

	ASSERT_EQ(0, call_begin(&closing, call_close, &other));
	WAIT_UNTIL_IN("mmu_interval_notifier_remove", &closing);
	END();
	EXPECT_EQ(0, call_end(&closing));
}

/*
 * An invalidation that no interval subscriber is told of, held open by a trylock:
 * the tree may change, but who comes must wait for the end as if it were told.
 */
FIXTURE(interval_unseen)
{
	int fd;
	size_t page;
	struct victim victim;
	struct subscriber far;
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
	/* The first on an mm needs the locks of all VMAs. */
	ATTACH(MNCK_KIND_MIRROR, 0, 8, 12, &self->far);
	ASSERT_EQ(0, mnck_attach(self->fd, v->pid, MNCK_KIND_TRYLOCK, &self->trylock));
	ASSERT_EQ(0, mnck_attach(self->fd, v->pid, MNCK_KIND_COUNTER, &self->counter));
	ASSERT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_HOLD));
	ASSERT_EQ(0, victim_send(v, VICTIM_DONTNEED, AT(0), BYTES(2)));
	/* Attached last, the counter is called first; then only the trylock sleeps. */
	WAIT_UNTIL(stats_now(&self->counter).open);
	WAIT_UNTIL(proc_sleeps(v->pid, v->pid));
}

FIXTURE_TEARDOWN(interval_unseen)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	victim_kill(&self->victim);
}

/* The first to come marks the tree as being in use, and from then on it is. */
TEST_F_TIMEOUT(interval_unseen, insert, MNCK_TIMEOUT)
{
	struct subscriber first, second, third;
	struct call detach, fault = { .start = AT(0), .len = BYTES(1) };
	__u64 entry;

	EXPECT_DETACH(&self->far, saw_nothing());
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

/* The lookup of the first, too, waits: it was not told either. */
TEST_F_TIMEOUT(interval_unseen, look_up, MNCK_TIMEOUT)
{
	struct call fault = { .start = AT(0), .len = BYTES(1) };
	struct subscriber first;
	__u64 entry;

	ATTACH(MNCK_KIND_MIRROR, 0, 0, 4, &first);
	ASSERT_EQ(0, call_begin(&fault, call_fault, &first));
	WAIT_UNTIL_IN("mmu_interval_read_begin", &fault);
	/* Not so who was there before. */
	ASSERT_EQ(0, mirror_fault(&self->far, 0, AT(8), BYTES(1)));
	EXPECT_EQ(1, stats_now(&self->counter).open);

	ASSERT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_RELEASE));
	ASSERT_EQ(0, call_end(&fault));
	ASSERT_EQ(0, mirror_read(&first, AT(0), BYTES(1), &entry));
	EXPECT_NE(0, entry);
	ASSERT_EQ(0, victim_wait(&self->victim));
	EXPECT_DETACH(&first, saw_nothing());
}

TEST_HARNESS_MAIN
