// SPDX-License-Identifier: GPL-2.0
/*
 * Members join and leave a chain at random, on a process whose threads invalidate at
 * random; and victims are reaped while some of their subscribers refuse.  Each start
 * has one end.
 *
 * Whenever no invalidation runs, the test compares each member with a counter that
 * is attached to the same mm but is not in the chain: since the last comparison both
 * must have seen the same.  For a victim the test computes which member refuses,
 * which members have started before it, and which are not called.
 *
 * Environment:
 *	MNCK_SEED	seed of the random numbers; printed in any case
 *	MNCK_ROUNDS	the least number of invalidations; 20,000 by default
 */
#include <time.h>

#include "chain.h"
#include "mnck_harness.h"
#include "proc.h"
#include "victim.h"
#include "workers.h"

#define THREADS 4
/* The most orders between two comparisons: to wait for the last thread costs more than the rest. */
#define ORDERS 64
/* How often a thread repeats an order, at most: to send one costs as much as to invalidate. */
#define TIMES 8
#define MEMBERS 6

#define AREA ((char *)0x300000000UL)
#define PAGES 8

/* How many invalidations there are between two victims. */
#define VICTIM_EACH 1000

/* Seconds: a run with 1,000,000 invalidations takes hours, so this detects no hang. */
#define RANDOM_TIMEOUT (12 * 60 * 60)

enum { MAP, MUNMAP, DONTNEED, MPROTECT, FORK, OPS };

/* An order: what to do, from which page on, to how many, and how often. */
#define ORDER(_op, _page, _n, _times) ((_op) | (_page) << 8 | (_n) << 16 | (_times) << 24)

/* Touches only the first page of new memory: that is enough for an invalidation. */
static int work_once(int number, __u32 order)
{
	size_t page = getpagesize();
	char *area = AREA + number * PAGES * page;
	char *start = area + (order >> 8 & 0xff) * page;
	size_t len = (order >> 16 & 0xff) * page;
	pid_t pid;

	switch (order & 0xff) {
	case MUNMAP:
		if (munmap(start, len) || map_pages(start, page))
			return -1;
		return len > page && map_untouched(start + page, len - page);
	case DONTNEED:
		if (madvise(start, len, MADV_DONTNEED))
			return -1;
		*start = 1;
		return 0;
	case MPROTECT:
		if (mprotect(start, len, PROT_READ) ||
		    mprotect(start, len, PROT_READ | PROT_WRITE))
			return -1;
		*start = 2;
		return 0;
	case FORK:
		pid = fork();
		if (!pid)
			_exit(0);
		return pid < 0 || waitpid(pid, NULL, 0) != pid;
	default:
		return map_pages(area, PAGES * page);
	}
}

static int work(int number, __u32 order)
{
	__u32 times = order >> 24;
	int result;

	do
		result = work_once(number, order);
	while (!result && times-- > 1);
	return result;
}

struct member {
	struct subscriber sub;
	/* What the member and the counter had seen when they were last compared. */
	struct mnck_stats seen;
	struct mnck_stats core;
	/* Not compared yet: it may have joined while an invalidation ran. */
	bool is_new;
};

/* One run of the test. */
struct run {
	int fd;
	/* Of the random numbers. */
	__u64 state;
	struct workers workers;
	/* A counter that is not in the chain. */
	struct subscriber core;
	struct subscriber chain;
	/* In the order of joining. */
	struct member members[MEMBERS];
	int n;
	__u64 joined;
	__u64 left;
	__u64 victims;
	__u64 refusals;
};

FIXTURE(chain_random)
{
	struct run run;
};

static __u64 from_environment(const char *name, __u64 otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

/* xorshift64, by Marsaglia. */
static __u64 below(__u64 *state, __u64 n)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state % n;
}

#define RANDOM(_n) below(&self->state, _n)

FIXTURE_SETUP(chain_random)
{
	struct run *run = &self->run;

	run->state = from_environment("MNCK_SEED", time(NULL) * 1000003ULL + getpid()) ?: 1;
	TH_LOG("MNCK_SEED=%llu", run->state);
	run->fd = mnck_open();
	ASSERT_LE(0, run->fd);
	ASSERT_EQ(0, workers_start(&run->workers, THREADS, work));
	ASSERT_EQ(0, mnck_attach(run->fd, run->workers.pid, MNCK_KIND_COUNTER, &run->core));
	ASSERT_EQ(0, chain_attach(run->fd, run->workers.pid, &run->chain));
}

FIXTURE_TEARDOWN(chain_random)
{
	struct run *run = &self->run;

	workers_kill(&run->workers);
	if (run->fd >= 0)
		EXPECT_EQ(0, close(run->fd));
}

static __u32 random_kind(struct run *self)
{
	return RANDOM(2) ? MNCK_KIND_COUNTER : MNCK_KIND_TRYLOCK;
}

static void add_member(struct __test_metadata *_metadata, struct run *self)
{
	struct member *m = &self->members[self->n];

	m->is_new = true;
	ASSERT_EQ(0, chain_join(&self->chain, random_kind(self), &m->sub));
	self->n++;
	self->joined++;
}

/* Detaches a member at any time: each of its starts has had an end or was closed. */
static void remove_member(struct __test_metadata *_metadata, struct run *self)
{
	struct member *m = &self->members[RANDOM(self->n)];
	struct mnck_stats last;

	ASSERT_EQ(0, mnck_detach(&m->sub, &last));
	EXPECT_STREQ("", member_broken(&last));
	EXPECT_EQ(0, last.open);
	EXPECT_EQ(1, last.releases);
	self->n--;
	self->left++;
	memmove(m, m + 1, (char *)&self->members[self->n] - (char *)m);
}

static void join_or_leave(struct __test_metadata *_metadata, struct run *self)
{
	if (RANDOM(2) && self->n < MEMBERS)
		add_member(_metadata, self);
	else if (self->n)
		remove_member(_metadata, self);
}

/*
 * Compares each member with the counter, while no invalidation runs.  If there was only one
 * since the last comparison (@alone), checks the order of its callbacks as well.
 */
static void compare(struct __test_metadata *_metadata, struct run *self, bool alone)
{
	struct mnck_stats core = stats_now(&self->core), previous = {}, now;

	EXPECT_EQ(core.starts, core.ends);
	for (int i = 0; i < self->n; i++) {
		struct member *m = &self->members[i];

		now = stats_now(&m->sub);
		EXPECT_STREQ("", member_broken(&now));
		EXPECT_EQ(now.starts, now.ends);
		if (!m->is_new) {
			EXPECT_EQ(core.starts - m->core.starts, now.starts - m->seen.starts);
			EXPECT_EQ(core.bytes - m->core.bytes, now.bytes - m->seen.bytes);
		}
		/* The start came in the order of joining, the end in reverse. */
		if (alone && i && !m->is_new) {
			EXPECT_LT(previous.last_start_order, now.last_start_order);
			EXPECT_GT(previous.last_end_order, now.last_end_order);
		}
		previous = now;
		m->is_new = false;
		m->seen = now;
		m->core = core;
	}
}

static void one_round(struct __test_metadata *_metadata, struct run *self)
{
	struct subscriber *held = NULL;
	__u32 orders[ORDERS];
	/* A single order shows the order of the callbacks; many orders keep all threads busy. */
	int n = RANDOM(4) ? 1 + RANDOM(ORDERS) : 1;

	for (int i = 0; i < n; i++) {
		int op = RANDOM(400) ? MUNMAP + RANDOM(FORK - MUNMAP) : FORK;
		int page = RANDOM(PAGES), pages = 1 + RANDOM(PAGES - page);

		orders[i] = ORDER(op, page, pages, op == FORK || n == 1 ? 1 : 1 + RANDOM(TIMES));
	}
	/* Sometimes all threads wait for a while for the lock of one member. */
	if (self->n && !RANDOM(8)) {
		held = &self->members[RANDOM(self->n)].sub;
		if (held->kind != MNCK_KIND_TRYLOCK || mnck_lock(held, MNCK_LOCK_HOLD))
			held = NULL;
	}
	ASSERT_EQ(0, workers_send(&self->workers, orders, n));
	if (held)
		ASSERT_EQ(0, mnck_lock(held, MNCK_LOCK_RELEASE));
	if (!RANDOM(4))
		join_or_leave(_metadata, self);
	ASSERT_EQ(0, workers_wait(&self->workers, n));
	compare(_metadata, self, n == 1);
	if (!RANDOM(16))
		join_or_leave(_metadata, self);
}

/*
 * Reaps a victim with a chain of its own, while the locks of some trylocks are held.  The
 * first such member refuses, the members before it are started and ended, and the members
 * behind it are not called.
 */
static void one_victim(struct __test_metadata *_metadata, struct run *self)
{
	int n = 1 + RANDOM(MEMBERS), first = n, foreign = RANDOM(3);
	struct subscriber chain, subs[MEMBERS], old, new;
	struct victim v;
	struct reapable reap;
	bool refused;
	int fd;

	fd = mnck_open();
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, victim_start(&v, PAGES * getpagesize()));
	ASSERT_EQ(0, victim_trace_exit(&v));
	ASSERT_EQ(0, mnck_attach(fd, v.pid, MNCK_KIND_TRYLOCK, &old));
	ASSERT_EQ(0, chain_attach(fd, v.pid, &chain));
	for (int i = 0; i < n; i++)
		ASSERT_EQ(0, chain_join(&chain, random_kind(self), &subs[i]));
	ASSERT_EQ(0, mnck_attach(fd, v.pid, MNCK_KIND_TRYLOCK, &new));
	ASSERT_EQ(0, kill(v.pid, SIGKILL));
	ASSERT_EQ(0, victim_wait_exit_stop(&v));
	ASSERT_EQ(0, proc_reapable(v.pid, &reap));

	for (int i = 0; i < n; i++) {
		if (subs[i].kind != MNCK_KIND_TRYLOCK || RANDOM(2))
			continue;
		ASSERT_EQ(0, mnck_lock(&subs[i], MNCK_LOCK_HOLD));
		if (first == n)
			first = i;
	}
	if (foreign)
		ASSERT_EQ(0, mnck_lock(foreign == 1 ? &old : &new, MNCK_LOCK_HOLD));
	refused = first < n || foreign;
	EXPECT_ERRNO(refused ? EAGAIN : 0, victim_mrelease(&v));

	for (int i = 0; i < n; i++) {
		struct mnck_stats got = stats_now(&subs[i]);

		EXPECT_STREQ("", member_broken(&got));
		EXPECT_EQ(0, got.open);
		EXPECT_EQ(i <= first ? reap.vmas : 0, got.starts);
		EXPECT_EQ(i < first ? reap.vmas : 0, got.ends);
		EXPECT_EQ(i == first ? reap.vmas : 0, got.refusals);
		EXPECT_EQ(i <= first ? reap.bytes : 0, got.bytes);
		self->refusals += got.refusals;
	}
	self->victims++;
	/* Closes the session, which detaches all of them, before the victim's end or after it. */
	if (RANDOM(2)) {
		ASSERT_EQ(0, close(fd));
		victim_kill(&v);
	} else {
		victim_kill(&v);
		ASSERT_EQ(0, close(fd));
	}
}

/* Each start of each member has one end, over all invalidations. */
TEST_F_TIMEOUT(chain_random, balance, RANDOM_TIMEOUT)
{
	struct run *run = &self->run;
	__u64 rounds = from_environment("MNCK_ROUNDS", 20000), next = 0, seen = 0, n = 0;

	while (seen < rounds && _metadata->exit_code == KSFT_PASS) {
		one_round(_metadata, run);
		n++;
		seen = stats_now(&run->core).starts;
		if (seen >= next) {
			next = seen + VICTIM_EACH;
			one_victim(_metadata, run);
			/* Shows that the test makes progress. */
			if (run->victims % 8 == 0)
				TH_LOG("%llu invalidations", seen);
		}
	}
	EXPECT_LE(rounds, seen);
	TH_LOG("%llu invalidations, %llu comparisons, %llu joined, %llu left", seen, n,
	       run->joined, run->left);
	TH_LOG("%llu victims, %llu refusals", run->victims, run->refusals);
}

TEST_HARNESS_MAIN
