// SPDX-License-Identifier: GPL-2.0
/*
 * Members join and leave, and the chain is detached, while a range is open: each
 * start still has exactly one end.
 *
 * The test holds the lock of a trylock to keep a range open for certain.  Either the
 * trylock is not in the chain and is called after it (old): then no callback of the
 * chain runs meanwhile.  Or it is a member: then the chain's start callback runs.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "chain.h"
#include "mnck_harness.h"
#include "proc.h"
#include "victim.h"

#define PAGES 4

/*
 * The victim maps memory that it shares with this program.  When this program punches
 * a hole there, it starts and ends a range of the victim's mm, even if the victim
 * exits in between.
 */
FIXTURE(chain_open)
{
	int fd;
	/* The session of old, which must stay when the chain's session is closed. */
	int old_fd;
	size_t len;
	char *shared;
	struct victim victim;
	struct subscriber old;
	struct subscriber chain;
	struct subscriber a;
	struct subscriber b;
};

FIXTURE_SETUP(chain_open)
{
	struct victim *v = &self->victim;

	self->fd = -1;
	self->old_fd = -1;
	self->len = PAGES * getpagesize();
	self->shared = mmap(NULL, self->len, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->shared);
	ASSERT_EQ(0, victim_start(v, self->len));
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	self->old_fd = mnck_open();
	ASSERT_LE(0, self->old_fd);
	ASSERT_EQ(0, mnck_attach(self->old_fd, v->pid, MNCK_KIND_TRYLOCK, &self->old));
	ASSERT_EQ(0, chain_attach(self->fd, v->pid, &self->chain));
	ASSERT_EQ(0, chain_join(&self->chain, MNCK_KIND_COUNTER, &self->a));
	ASSERT_EQ(0, chain_join(&self->chain, MNCK_KIND_TRYLOCK, &self->b));
}

FIXTURE_TEARDOWN(chain_open)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	if (self->old_fd >= 0)
		EXPECT_EQ(0, close(self->old_fd));
	victim_kill(&self->victim);
}

/*
 * Lets the victim call munmap(), and waits until @_sub has the range open and the victim
 * waits for the lock of @_holder.
 */
#define OPEN_RANGE(_holder, _sub)                                                 \
	do {                                                                      \
		ASSERT_EQ(0, mnck_lock(_holder, MNCK_LOCK_HOLD));                 \
		ASSERT_EQ(0, victim_send(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, self->len)); \
		WAIT_UNTIL(stats_now(_sub).open == 1);                            \
		WAIT_UNTIL(proc_sleeps(self->victim.pid, self->victim.pid));      \
	} while (0)

/* Releases the lock of @_holder, and waits until munmap() has returned. */
#define END_RANGE(_holder)                                                        \
	do {                                                                      \
		ASSERT_EQ(0, mnck_lock(_holder, MNCK_LOCK_RELEASE));              \
		ASSERT_EQ(0, victim_wait(&self->victim));                         \
	} while (0)

/* A counter that saw this range; it is open if both @_ends and @_closed are 0. */
#define ONE_UNMAP(_ends, _closed) \
	paired_off(saw_unmaps(MNCK_KIND_COUNTER, 1, VICTIM_AREA, self->len), 0, _ends, _closed)

/* A system call that waits, made by a thread of its own. */
struct call {
	enum { JOIN, LEAVE, PUNCH, CLOSE } what;
	const struct subscriber *chain;
	struct subscriber sub;
	struct mnck_stats stats;
	void *addr;
	size_t len;
	int fd;
	/* The errno of the call, or 0. */
	int error;
	pthread_t thread;
	atomic_int tid;
	atomic_bool done;
};

static void *call_main(void *arg)
{
	struct call *call = arg;
	int ret = 0;

	atomic_store(&call->tid, syscall(SYS_gettid));
	switch (call->what) {
	case JOIN:
		ret = chain_join(call->chain, MNCK_KIND_COUNTER, &call->sub);
		break;
	case LEAVE:
		ret = mnck_detach(&call->sub, &call->stats);
		break;
	case PUNCH:
		ret = madvise(call->addr, call->len, MADV_REMOVE);
		break;
	case CLOSE:
		ret = close(call->fd);
		break;
	}
	call->error = ret ? errno : 0;
	atomic_store(&call->done, true);
	return NULL;
}

static int call_start(struct call *call)
{
	return pthread_create(&call->thread, NULL, call_main, call);
}

static int call_join(struct call *call)
{
	return pthread_join(call->thread, NULL) ?: call->error;
}

/* Waits until the call sleeps in the kernel; only this thread can let it go on. */
#define WAIT_UNTIL_SLEEPS(_call)                                                  \
	do {                                                                      \
		WAIT_UNTIL(atomic_load(&(_call)->tid));                           \
		WAIT_UNTIL(proc_sleeps(getpid(), atomic_load(&(_call)->tid)) ||   \
			   atomic_load(&(_call)->done));                          \
		EXPECT_FALSE(atomic_load(&(_call)->done));                        \
	} while (0)

/* As WAIT_UNTIL_SLEEPS, in a kernel function whose name contains @_function. */
#define WAIT_UNTIL_SLEEPS_IN(_call, _function)                                    \
	do {                                                                      \
		WAIT_UNTIL(atomic_load(&(_call)->tid));                           \
		WAIT_UNTIL(proc_sleeps_in(getpid(), atomic_load(&(_call)->tid), _function) || \
			   atomic_load(&(_call)->done));                          \
		EXPECT_FALSE(atomic_load(&(_call)->done));                        \
	} while (0)

/*
 * A member leaves while a range is open and no callback of the chain runs: it does not
 * wait, and its open range is closed.
 */
TEST_F_TIMEOUT(chain_open, leave, MNCK_TIMEOUT)
{
	OPEN_RANGE(&self->old, &self->b);
	EXPECT_LEAVE(&self->a, ONE_UNMAP(0, 1));
	EXPECT_MEMBER(&self->b, ONE_UNMAP(0, 0));
	EXPECT_MEMBER(&self->chain, ONE_UNMAP(0, 0));

	END_RANGE(&self->old);
	EXPECT_MEMBER(&self->b, ONE_UNMAP(1, 0));
	EXPECT_MEMBER(&self->chain, ONE_UNMAP(1, 0));
}

/*
 * A member leaves while the chain's start callback runs: it waits for the callback, its
 * open range is closed, and it gets no end later.
 */
TEST_F_TIMEOUT(chain_open, leave_in_start, MNCK_TIMEOUT)
{
	struct call leave = { .what = LEAVE, .sub = self->a };

	OPEN_RANGE(&self->b, &self->a);
	ASSERT_EQ(0, call_start(&leave));
	WAIT_UNTIL_SLEEPS_IN(&leave, "synchronize_srcu");
	END_RANGE(&self->b);
	ASSERT_EQ(0, call_join(&leave));
	EXPECT_SAME_MEMBER(released(ONE_UNMAP(0, 1)), &leave.stats);
	EXPECT_MEMBER(&self->b, ONE_UNMAP(1, 0));
}

/*
 * A member leaves while its own start waits for its lock: the detach releases the lock
 * and the start goes on.  Its range is ended or closed, but not both.
 */
TEST_F_TIMEOUT(chain_open, leave_in_own_start, MNCK_TIMEOUT)
{
	struct mnck_stats stats;

	OPEN_RANGE(&self->b, &self->a);
	ASSERT_EQ(0, mnck_detach(&self->b, &stats));
	EXPECT_SAME_MEMBER(released(ONE_UNMAP(stats.ends, 1 - stats.ends)), &stats);
	EXPECT_EQ(0, stats.open);
	ASSERT_EQ(0, victim_wait(&self->victim));
	EXPECT_MEMBER(&self->a, ONE_UNMAP(1, 0));
	EXPECT_MEMBER(&self->chain, ONE_UNMAP(1, 0));
}

/*
 * A member that joins while a range is open waits until the range has ended, and sees
 * neither its start nor its end.
 */
TEST_F_TIMEOUT(chain_open, join, MNCK_TIMEOUT)
{
	struct call join = { .what = JOIN, .chain = &self->chain };

	OPEN_RANGE(&self->old, &self->b);
	ASSERT_EQ(0, call_start(&join));
	WAIT_UNTIL_SLEEPS(&join);
	EXPECT_MEMBER(&self->b, ONE_UNMAP(0, 0));
	END_RANGE(&self->old);
	ASSERT_EQ(0, call_join(&join));
	EXPECT_MEMBER(&join.sub, saw_nothing());
	EXPECT_MEMBER(&self->b, ONE_UNMAP(1, 0));

	/* It sees the ranges that start afterwards. */
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MAP_TOUCH, VICTIM_AREA, self->len));
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, self->len));
	EXPECT_MEMBER(&join.sub, ONE_UNMAP(1, 0));
	EXPECT_EQ(2, stats_now(&self->a).ends);
}

static void ignore_signal(int signal __maybe_unused)
{
}

/* A signal interrupts the wait of a join, which then has added no member. */
TEST_F_TIMEOUT(chain_open, join_interrupted, MNCK_TIMEOUT)
{
	struct call join = { .what = JOIN, .chain = &self->chain };
	struct sigaction act = { .sa_handler = ignore_signal };

	ASSERT_EQ(0, sigaction(SIGUSR1, &act, NULL));
	OPEN_RANGE(&self->old, &self->b);
	ASSERT_EQ(0, call_start(&join));
	WAIT_UNTIL_SLEEPS(&join);
	ASSERT_EQ(0, pthread_kill(join.thread, SIGUSR1));
	EXPECT_EQ(EINTR, call_join(&join));
	END_RANGE(&self->old);

	EXPECT_LEAVE(&self->b, ONE_UNMAP(1, 0));
	EXPECT_LEAVE(&self->a, ONE_UNMAP(1, 0));
	EXPECT_LEAVE(&self->chain, ONE_UNMAP(1, 0));
}

/*
 * The session of the chain is closed while a range is open: the close waits for the core's
 * callbacks, and then the range ends.
 */
TEST_F_TIMEOUT(chain_open, session_closed, MNCK_TIMEOUT)
{
	struct call punch = { .what = PUNCH, .addr = self->shared, .len = self->len };
	struct call closing = { .what = CLOSE, .fd = self->fd };

	ASSERT_EQ(0, mnck_lock(&self->old, MNCK_LOCK_HOLD));
	ASSERT_EQ(0, call_start(&punch));
	WAIT_UNTIL(stats_now(&self->b).open == 1);
	WAIT_UNTIL_SLEEPS(&punch);
	self->fd = -1;
	ASSERT_EQ(0, call_start(&closing));
	WAIT_UNTIL_SLEEPS_IN(&closing, "synchronize_srcu");
	ASSERT_EQ(0, mnck_lock(&self->old, MNCK_LOCK_RELEASE));
	EXPECT_EQ(0, call_join(&punch));
	EXPECT_EQ(0, call_join(&closing));
}

/* A counter on the victim that saw the start of the hole; @_closed, or it is open. */
#define ONE_CLEAR(_closed)                                                        \
	paired_off(saw(MNCK_KIND_COUNTER, 1, MNCK_EVENT_CLEAR, MNCK_RANGE_BLOCKABLE, \
		       self->shared, self->len, self->len), 0, 0, _closed)

/*
 * The mm is released while another process has a range of it open: the range is closed
 * for each member, and its end does not reach them.
 */
TEST_F_TIMEOUT(chain_open, exit, MNCK_TIMEOUT)
{
	struct call punch = { .what = PUNCH, .addr = self->shared, .len = self->len };
	struct subscriber late;

	ASSERT_EQ(0, mnck_lock(&self->old, MNCK_LOCK_HOLD));
	ASSERT_EQ(0, call_start(&punch));
	WAIT_UNTIL(stats_now(&self->b).open == 1);
	WAIT_UNTIL_SLEEPS(&punch);
	EXPECT_MEMBER(&self->a, ONE_CLEAR(0));

	ASSERT_EQ(0, victim_send(&self->victim, VICTIM_EXIT, NULL, 0));
	WAIT_MEMBER(&self->a, released(ONE_CLEAR(1)));
	WAIT_MEMBER(&self->b, released(ONE_CLEAR(1)));
	WAIT_MEMBER(&self->chain, released(ONE_CLEAR(1)));
	EXPECT_FALSE(atomic_load(&punch.done));
	/* After the release nothing can join. */
	EXPECT_ERRNO(ESRCH, chain_join(&self->chain, MNCK_KIND_COUNTER, &late));

	ASSERT_EQ(0, mnck_lock(&self->old, MNCK_LOCK_RELEASE));
	EXPECT_EQ(0, call_join(&punch));
	EXPECT_EQ(0, victim_join(&self->victim));
	/* The end that the core calls now reached no member. */
	EXPECT_MEMBER(&self->a, released(ONE_CLEAR(1)));
	EXPECT_MEMBER(&self->b, released(ONE_CLEAR(1)));
	EXPECT_MEMBER(&self->chain, released(ONE_CLEAR(1)));
}

/*
 * The mm is released while B's start runs, and the start succeeds later: B's range is closed
 * at once.
 */
TEST_F_TIMEOUT(chain_open, exit_in_start, MNCK_TIMEOUT)
{
	struct call punch = { .what = PUNCH, .addr = self->shared, .len = self->len };

	ASSERT_EQ(0, mnck_lock(&self->b, MNCK_LOCK_HOLD));
	ASSERT_EQ(0, call_start(&punch));
	WAIT_UNTIL(stats_now(&self->a).open == 1);
	WAIT_UNTIL_SLEEPS(&punch);
	ASSERT_EQ(0, victim_send(&self->victim, VICTIM_EXIT, NULL, 0));
	WAIT_MEMBER(&self->a, released(ONE_CLEAR(1)));
	WAIT_MEMBER(&self->b, released(saw_nothing()));

	ASSERT_EQ(0, mnck_lock(&self->b, MNCK_LOCK_RELEASE));
	EXPECT_EQ(0, call_join(&punch));
	EXPECT_EQ(0, victim_join(&self->victim));
	EXPECT_MEMBER(&self->b, released(ONE_CLEAR(1)));
}

TEST_HARNESS_MAIN
