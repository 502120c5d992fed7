// SPDX-License-Identifier: GPL-2.0
/*
 * Proves that a subscriber, a session or a process may end while a callback waits,
 * while a range is open, and while another thread attaches or unmaps.
 *
 * Where a test needs one order of events it enforces it: a lock that the session
 * holds stops a callback for as long as the test wants.  Where a test makes a race,
 * each outcome is correct, and the statistics must balance in all of them.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "child.h"
#include "clock.h"
#include "interval.h"
#include "mnck_harness.h"
#include "proc.h"
#include "victim.h"

/* How long a start waits for the lock at most, by default. */
#define WAIT_LIMIT_NS 10000000000LL

/* The wait has ended before its limit. */
#define EXPECT_AT_ONCE(_begin) EXPECT_GT(WAIT_LIMIT_NS / 2, now_ns() - (_begin))

/*
 * The victim is in munmap(), and stays there until the test lets it go on.  The core
 * calls the counter first, since it was attached last: its start has returned.  Then
 * comes the trylock, whose start waits for its lock, which the session holds.  The
 * late counter was attached first, and has not been called yet.
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
	/* The victim does not sleep between these two starts, so it sleeps in the second. */
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

/* When the lock is released, the start that waits for it goes on, and all is counted. */
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

/* The wait for the lock is killable; a target that is killed unmaps and exits normally. */
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

/*
 * A counter that is detached between a start and its end does not get the end: the
 * core unlinks it at once and then waits for all callbacks.  mnck closes the pair
 * and counts it as closed by the detach.
 */
TEST_F_TIMEOUT(in_callback, counter_detached, MNCK_TIMEOUT)
{
	struct mnck_stats want = saw_unmaps(MNCK_KIND_COUNTER, 1, VICTIM_AREA, self->len);
	struct call detach;

	ASSERT_EQ(0, call_begin(&detach, call_detach, &self->counter));
	WAIT_UNTIL(detach.tid && proc_sleeps_in(getpid(), detach.tid, "synchronize_srcu"));
	ASSERT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_RELEASE));
	ASSERT_EQ(0, call_end(&detach));

	want.ends = 0;
	want.closed_by_detach = 1;
	EXPECT_SAME_STATS(MNCK_KIND_COUNTER, released(want), &detach.stats);
	ASSERT_EQ(0, victim_wait(&self->victim));
	EXPECT_ONE_UNMAP(EXPECT_STATS, &self->trylock);
	EXPECT_ONE_UNMAP(EXPECT_STATS, &self->late);
}

/* Detaching a trylock releases its lock, and waits until its callback has returned. */
TEST_F_TIMEOUT(in_callback, trylock_detached, MNCK_TIMEOUT)
{
	long long begin = now_ns();

	EXPECT_ONE_UNMAP(EXPECT_DETACH, &self->trylock);
	EXPECT_AT_ONCE(begin);
	ASSERT_EQ(0, victim_wait(&self->victim));
	EXPECT_ONE_UNMAP(EXPECT_STATS, &self->counter);
}

/*
 * A close releases all locks before it detaches: every detach waits for all
 * callbacks, so detaching a counter first would wait for the lock that the close has
 * still to release.  One counter was attached before the trylock and one after it, so
 * that the order in which the close detaches them does not matter.
 */
TEST_F_TIMEOUT(in_callback, session_closed, MNCK_TIMEOUT)
{
	long long begin = now_ns();

	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;
	ASSERT_EQ(0, victim_wait(&self->victim));
	EXPECT_AT_ONCE(begin);
}

/*
 * Killing the last process that has the session open closes it, also if another
 * process has attached the subscribers.
 */
TEST_F_TIMEOUT(in_callback, session_killed, MNCK_TIMEOUT)
{
	int closed[2], seen[2], status;
	long long begin;
	pid_t child;
	char byte;

	ASSERT_EQ(0, pipe2(closed, O_CLOEXEC));
	ASSERT_EQ(0, pipe2(seen, O_CLOEXEC));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		ASSERT_EQ(1, read(closed[0], &byte, 1));
		/* The parent's close was not the last one: the victim still waits. */
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
	ASSERT_EQ(0, kill(child, SIGKILL));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_EQ(SIGKILL, status);
	ASSERT_EQ(0, victim_wait(&self->victim));
	EXPECT_AT_ONCE(begin);
	ASSERT_EQ(0, victim_send(&self->victim, VICTIM_EXIT, NULL, 0));
	EXPECT_EQ(0, victim_join(&self->victim));
}

/* Races in which each order of events is correct. */
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

/* Kills one victim after another, each 10 us later than the one before. */
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
 * If the target dies during an attach, either the attach fails with ESRCH, or it
 * succeeds and the subscriber is released.  With these delays usually both occur.
 */
TEST_F_TIMEOUT(race, killed_during_attach, MNCK_TIMEOUT)
{
	int attached = 0, too_late = 0, error, status;
	struct mnck_stats stats;
	struct subscriber sub;
	struct killer k = {};

	ASSERT_EQ(0, pthread_barrier_init(&k.barrier, NULL, 2));
	ASSERT_EQ(0, pthread_create(&k.thread, NULL, kill_thread, &k));

	/* Goes on until the delay is longer than an attach, so that one succeeds. */
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
		/* The target may have copied pages before it died, but no range is open. */
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
 * An attach that is interrupted by a signal fails with EINTR, has no effect, and can
 * be repeated.  The core gives up taking the locks of the mm when a signal is pending;
 * signals come all the time here, so that this happens soon.
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

/* The statistics balance when subscribers attach and detach while two threads unmap. */
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
		/* Each subscriber sees at least one range. */
		WAIT_UNTIL(starts(&sub));
		ASSERT_EQ(0, mnck_detach(&sub, &stats));

		EXPECT_STREQ("", mnck_broken(sub.kind, &stats));
		EXPECT_EQ(1, stats.releases);
		EXPECT_EQ(0, stats.open);
		/* Each thread can have one range open at the detach. */
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
