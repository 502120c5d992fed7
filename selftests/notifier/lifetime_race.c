// SPDX-License-Identifier: GPL-2.0
/*
 * Ends that come while something runs: while a callback waits, while a range is
 * open, while another thread attaches or unmaps.
 *
 * Where one order is meant it is made certain: a held lock stops a callback
 * where it is for as long as the test wants.  Where a race is meant, any winner
 * is right, and the books must balance whoever wins.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>

#include "child.h"
#include "mnck_harness.h"
#include "proc.h"
#include "victim.h"

static long long now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* For how long a start waits for the lock, by default. */
#define WAIT_LIMIT_NS 10000000000LL

/* What ended the wait was not that it had lasted long enough. */
#define EXPECT_AT_ONCE(_begin) EXPECT_GT(WAIT_LIMIT_NS / 2, now_ns() - (_begin))

/*
 * The victim is in munmap(), and stays there for a while.  Attached last, the counter runs first:
 * it has had its start.  The trylock's start waits for its lock, which the
 * session holds.  The late counter, attached first, has not been called yet.
 */
FIXTURE(in_callback)
{
	int fd;
	size_t len;
	struct victim victim;
	struct subscriber late;
	struct subscriber trylock;
	struct subscriber counter;
};

static __u64 open_pairs(const struct subscriber *sub)
{
	struct mnck_stats stats;

	return mnck_stats(sub, &stats) ? 0 : stats.open;
}

FIXTURE_SETUP(in_callback)
{
	struct victim *v = &self->victim;

	self->fd = -1;
	self->len = 4 * getpagesize();
	ASSERT_EQ(0, victim_start(v, self->len));
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, mnck_attach(self->fd, v->pid, MNCK_KIND_COUNTER, &self->late));
	ASSERT_EQ(0, mnck_attach(self->fd, v->pid, MNCK_KIND_TRYLOCK, &self->trylock));
	ASSERT_EQ(0, mnck_attach(self->fd, v->pid, MNCK_KIND_COUNTER, &self->counter));
	ASSERT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_HOLD));
	ASSERT_EQ(0, victim_send(v, VICTIM_MUNMAP, VICTIM_AREA, self->len));

	WAIT_UNTIL(open_pairs(&self->counter) == 1);
	/* Between the two starts it cannot sleep. */
	WAIT_UNTIL(proc_sleeps(v->pid, v->pid));
}

FIXTURE_TEARDOWN(in_callback)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	victim_kill(&self->victim);
}

#define EXPECT_ONE_UNMAP(_expect, _sub) \
	_expect(_sub, saw_unmaps((_sub)->kind, 1, VICTIM_AREA, self->len))

TEST_F_TIMEOUT(in_callback, lock_released, MNCK_TIMEOUT)
{
	struct mnck_stats open = saw_unmaps(MNCK_KIND_COUNTER, 1, VICTIM_AREA, self->len);

	open.ends = 0;
	open.open = 1;
	EXPECT_STATS(&self->counter, open);
	EXPECT_STATS(&self->late, saw_nothing());

	ASSERT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_RELEASE));
	ASSERT_EQ(0, victim_wait(&self->victim));
	EXPECT_ONE_UNMAP(EXPECT_STATS, &self->counter);
	EXPECT_ONE_UNMAP(EXPECT_STATS, &self->trylock);
	EXPECT_ONE_UNMAP(EXPECT_STATS, &self->late);
}

/* The wait is killable, and the killed target unmaps and exits as any other. */
TEST_F_TIMEOUT(in_callback, target_killed, MNCK_TIMEOUT)
{
	struct mnck_stats want = saw_unmaps(MNCK_KIND_COUNTER, 1, VICTIM_AREA, self->len);
	long long begin = now_ns();

	ASSERT_EQ(SIGKILL, victim_kill(&self->victim));
	EXPECT_AT_ONCE(begin);
	EXPECT_STATS(&self->counter, released(want));
	EXPECT_STATS(&self->late, released(want));
	want.ends = 0;
	EXPECT_STATS(&self->trylock, released(want));
	EXPECT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_RELEASE));
}

struct detacher {
	pthread_t thread;
	atomic_int tid;
	const struct subscriber *sub;
	struct mnck_stats stats;
	int result;
};

static void *detach_thread(void *arg)
{
	struct detacher *d = arg;

	d->tid = gettid();
	d->result = mnck_detach(d->sub, &d->stats);
	return NULL;
}

/*
 * Detached between its start and its end.  The core unlinks it, waits for all
 * callbacks, and the end of this range passes it by: the pair is closed, and
 * counted as what it is.
 */
TEST_F_TIMEOUT(in_callback, counter_detached, MNCK_TIMEOUT)
{
	struct mnck_stats want = saw_unmaps(MNCK_KIND_COUNTER, 1, VICTIM_AREA, self->len);
	struct detacher d = { .sub = &self->counter };

	ASSERT_EQ(0, pthread_create(&d.thread, NULL, detach_thread, &d));
	WAIT_UNTIL(d.tid && proc_sleeps_in(getpid(), d.tid, "synchronize_srcu"));
	ASSERT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_RELEASE));
	ASSERT_EQ(0, pthread_join(d.thread, NULL));
	ASSERT_EQ(0, d.result);

	want.ends = 0;
	want.closed_by_detach = 1;
	EXPECT_SAME_STATS(MNCK_KIND_COUNTER, released(want), &d.stats);
	ASSERT_EQ(0, victim_wait(&self->victim));
	EXPECT_ONE_UNMAP(EXPECT_STATS, &self->trylock);
	EXPECT_ONE_UNMAP(EXPECT_STATS, &self->late);
}

/* It lets go of the lock, waits for its callback, and the range goes on. */
TEST_F_TIMEOUT(in_callback, trylock_detached, MNCK_TIMEOUT)
{
	long long begin = now_ns();

	EXPECT_ONE_UNMAP(EXPECT_DETACH, &self->trylock);
	EXPECT_AT_ONCE(begin);
	ASSERT_EQ(0, victim_wait(&self->victim));
	EXPECT_ONE_UNMAP(EXPECT_STATS, &self->counter);
}

/*
 * Every detach waits for every callback, so a close that detached a counter
 * before it released the lock of the trylock would wait for itself.  There is a
 * counter on either side of it, whichever way the close goes.
 */
TEST_F_TIMEOUT(in_callback, session_closed, MNCK_TIMEOUT)
{
	long long begin = now_ns();

	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;
	ASSERT_EQ(0, victim_wait(&self->victim));
	EXPECT_AT_ONCE(begin);
}

/* The last to have the session open is killed, and did nothing of this itself. */
TEST_F_TIMEOUT(in_callback, session_killed, MNCK_TIMEOUT)
{
	int closed[2], seen[2], status;
	long long begin;
	pid_t heir;
	char byte;

	ASSERT_EQ(0, pipe2(closed, O_CLOEXEC));
	ASSERT_EQ(0, pipe2(seen, O_CLOEXEC));
	heir = fork();
	ASSERT_LE(0, heir);
	if (!heir) {
		ASSERT_EQ(1, read(closed[0], &byte, 1));
		/* The other close was not the last: the victim waits still. */
		EXPECT_EQ(1, open_pairs(&self->counter));
		ASSERT_EQ(1, write(seen[1], "", 1));
		for (;;)
			pause();
	}
	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;
	ASSERT_EQ(1, write(closed[1], "", 1));
	ASSERT_EQ(1, read(seen[0], &byte, 1));

	begin = now_ns();
	ASSERT_EQ(0, kill(heir, SIGKILL));
	ASSERT_EQ(heir, waitpid(heir, &status, 0));
	ASSERT_EQ(SIGKILL, status);
	ASSERT_EQ(0, victim_wait(&self->victim));
	EXPECT_AT_ONCE(begin);
	ASSERT_EQ(0, victim_send(&self->victim, VICTIM_EXIT, NULL, 0));
	EXPECT_EQ(0, victim_join(&self->victim));
}

/* Races with no right order. */
FIXTURE(race)
{
	int fd;
};

FIXTURE_SETUP(race)
{
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(race)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
}

struct killer {
	pthread_t thread;
	pthread_barrier_t barrier;
	pid_t victim;
	bool stop;
};

/* Kills what it is shown, each time a little later: from at once to a ms. */
static void *kill_thread(void *arg)
{
	struct killer *k = arg;

	for (long long delay = 0, start;; delay += 10000) {
		pthread_barrier_wait(&k->barrier);
		if (k->stop)
			return NULL;
		start = now_ns();
		while (now_ns() - start < delay)
			;
		kill(k->victim, SIGKILL);
		pthread_barrier_wait(&k->barrier);
	}
}

#define KILLS 100

/*
 * The target dies while it is being attached to: it is gone already, or it is
 * released at once.  Both, if the delays reach around the attach.
 */
TEST_F_TIMEOUT(race, killed_during_attach, MNCK_TIMEOUT)
{
	int attached = 0, too_late = 0, error, status;
	struct mnck_stats stats;
	struct subscriber sub;
	struct killer k = {};

	ASSERT_EQ(0, pthread_barrier_init(&k.barrier, NULL, 2));
	ASSERT_EQ(0, pthread_create(&k.thread, NULL, kill_thread, &k));

	/* On, if need be, until the delay is longer than an attach. */
	for (int i = 0; i < KILLS || !attached; i++) {
		k.victim = child_start();
		ASSERT_LT(0, k.victim);

		pthread_barrier_wait(&k.barrier);
		error = errno_of(mnck_attach(self->fd, k.victim, i & 1, &sub));
		pthread_barrier_wait(&k.barrier);
		ASSERT_EQ(k.victim, waitpid(k.victim, &status, 0));
		ASSERT_EQ(SIGKILL, status);
		if (error) {
			ASSERT_EQ(ESRCH, error);
			too_late++;
			continue;
		}
		attached++;
		/* The target may have copied pages before, but nothing is open now. */
		ASSERT_EQ(0, mnck_stats(&sub, &stats));
		EXPECT_STREQ("", mnck_broken(sub.kind, &stats));
		EXPECT_EQ(1, stats.releases);
		EXPECT_EQ(0, stats.open);
		EXPECT_EQ(0, stats.closed_by_detach);
		EXPECT_EQ(stats.starts, stats.events[MNCK_EVENT_CLEAR]);
		EXPECT_DETACH(&sub, stats);
	}

	k.stop = true;
	pthread_barrier_wait(&k.barrier);
	ASSERT_EQ(0, pthread_join(k.thread, NULL));
	TH_LOG("attached %d times, too late %d times", attached, too_late);
}

struct signaller {
	pthread_t thread;
	pthread_t target;
	atomic_bool stop;
};

static void *signal_thread(void *arg)
{
	struct signaller *s = arg;

	while (!s->stop)
		pthread_kill(s->target, SIGUSR1);
	return NULL;
}

static void take_signal(int sig __maybe_unused)
{
}

/*
 * The core gives up taking the locks of an mm when a signal comes.  One comes
 * all the time, so an attach is interrupted before long; and then it has done
 * nothing, which the caller can do again.
 */
TEST_F_TIMEOUT(race, signalled_during_attach, MNCK_TIMEOUT)
{
	struct sigaction action = { .sa_handler = take_signal };
	struct signaller s = { .target = pthread_self() };
	struct mnck_stats stats;
	struct subscriber sub;
	int error = 0;

	ASSERT_EQ(0, own_pages());
	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	ASSERT_EQ(0, pthread_create(&s.thread, NULL, signal_thread, &s));

	while (!error) {
		error = errno_of(mnck_attach(self->fd, 0, MNCK_KIND_COUNTER, &sub));
		if (!error)
			ASSERT_EQ(0, mnck_detach(&sub, &stats));
	}
	EXPECT_EQ(EINTR, error);

	s.stop = true;
	ASSERT_EQ(0, pthread_join(s.thread, NULL));
	EXPECT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_COUNTER, &sub));
}

struct unmapper {
	pthread_t thread;
	atomic_bool *stop;
	unsigned int failed;
};

static void *unmap_thread(void *arg)
{
	struct unmapper *u = arg;
	size_t page = getpagesize();

	while (!*u->stop) {
		char *p = mmap(NULL, page, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

		if (p == MAP_FAILED || munmap(p, page))
			u->failed++;
	}
	return NULL;
}

static __u64 starts(const struct subscriber *sub)
{
	struct mnck_stats stats;

	return mnck_stats(sub, &stats) ? 0 : stats.starts;
}

#define ATTACHES 250

/* Subscribers come and go while two threads unmap page after page. */
TEST_F_TIMEOUT(race, attach_detach_during_munmap, MNCK_TIMEOUT)
{
	struct unmapper unmappers[2] = {};
	size_t page = getpagesize();
	atomic_bool stop = false;
	struct mnck_stats stats;
	struct subscriber sub;

	for (size_t i = 0; i < ARRAY_SIZE(unmappers); i++) {
		unmappers[i].stop = &stop;
		ASSERT_EQ(0, pthread_create(&unmappers[i].thread, NULL, unmap_thread,
					    &unmappers[i]));
	}
	ASSERT_EQ(0, own_pages());

	for (int i = 0; i < ATTACHES; i++) {
		ASSERT_EQ(0, mnck_attach(self->fd, 0, i & 1, &sub));
		/* Each of them sees something. */
		WAIT_UNTIL(starts(&sub));
		ASSERT_EQ(0, mnck_detach(&sub, &stats));

		EXPECT_STREQ("", mnck_broken(sub.kind, &stats));
		EXPECT_EQ(1, stats.releases);
		EXPECT_EQ(0, stats.open);
		/* Each thread can be between a start and an end once. */
		EXPECT_GE(ARRAY_SIZE(unmappers), stats.closed_by_detach);
		EXPECT_EQ(stats.starts, stats.events[MNCK_EVENT_UNMAP]);
		EXPECT_EQ(0, stats.non_blockable);
		EXPECT_EQ(stats.starts * page, stats.bytes);
		EXPECT_EQ(page, stats.last_end - stats.last_start);
	}

	stop = true;
	for (size_t i = 0; i < ARRAY_SIZE(unmappers); i++) {
		ASSERT_EQ(0, pthread_join(unmappers[i].thread, NULL));
		EXPECT_EQ(0, unmappers[i].failed);
	}
}

TEST_HARNESS_MAIN
