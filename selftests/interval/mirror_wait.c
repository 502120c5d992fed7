// SPDX-License-Identifier: GPL-2.0
/*
 * Proves that a fault of a mirror never installs pages that were invalidated after it has
 * looked them up.  And proves what ends a wait at the gate, apart from the time limit,
 * which wait_limit.c tests.
 *
 * The gate stops a fault after it has looked up its pages and before it takes the lock,
 * until the test lets it go on.
 */
#include <signal.h>
#include <sys/wait.h>

#include "guarded_area.h"
#include "mnck_harness.h"
#include "proc.h"
#include "shadow.h"

#define AREA_PAGES MNCK_MIRROR_PAGES

FIXTURE(mirror_wait)
{
	int fd;
	int pagemap;
	size_t page;
	char *area;
	struct subscriber mirror;
};

/* An address in the area and a length, both counted in pages. */
#define AT(_page) (self->area + (_page) * self->page)
#define BYTES(_pages) ((_pages) * self->page)

FIXTURE_SETUP(mirror_wait)
{
	self->page = getpagesize();
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	self->pagemap = pagemap_open(0);
	ASSERT_LE(0, self->pagemap);
	ASSERT_EQ(0, small_pages());
	self->area = guarded_area(BYTES(AREA_PAGES));
	ASSERT_NE(NULL, self->area);
	memset(self->area, 1, BYTES(AREA_PAGES));
	ASSERT_EQ(0, interval_attach(self->fd, 0, MNCK_KIND_MIRROR, 0, self->area,
				     BYTES(AREA_PAGES), &self->mirror));
}

FIXTURE_TEARDOWN(mirror_wait)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
}

/* Of the first eight pages the shadow has those of the bitmap @_present, for writing. */
#define EXPECT_SHADOW(_present)                                                         \
	EXPECT_STREQ("", shadow_differs(&self->mirror, self->pagemap, self->area, 8,    \
					_present, _present))

/* Starts a fault for writing of the pages from @_from to @_to; it is at the gate then. */
#define FAULT_TO_GATE(_fault, _from, _to)                                               \
	do {                                                                            \
		*(_fault) = (struct call){                                              \
			.flags = MNCK_MIRROR_WRITE | MNCK_MIRROR_WAIT,                  \
			.start = AT(_from), .len = BYTES((_to) - (_from)),              \
		};                                                                      \
		ASSERT_EQ(0, call_begin(_fault, call_fault, &self->mirror));            \
		WAIT_UNTIL(mirror_holds_call(&self->mirror));                           \
	} while (0)

/* Waits until the fault is at the gate again, or has returned. */
#define WAIT_FOR_GATE(_fault) \
	WAIT_UNTIL(mirror_holds_call(&self->mirror) || !proc_state(getpid(), (_fault)->tid))

/* Lets the fault go on, which finds its @_retries-th collision and comes to the gate again. */
#define COLLIDE(_fault, _retries)                                                       \
	do {                                                                            \
		EXPECT_EQ((_retries) - 1, stats_now(&self->mirror).retries);            \
		ASSERT_EQ(0, mirror_let_go(&self->mirror));                             \
		WAIT_UNTIL(stats_now(&self->mirror).retries == (_retries) ||            \
			   !proc_state(getpid(), (_fault)->tid));                       \
		WAIT_FOR_GATE(_fault);                                                  \
		ASSERT_TRUE(mirror_holds_call(&self->mirror));                          \
	} while (0)

/* Lets the call go on, and waits until it has succeeded. */
#define LET_GO(_call)                                                                   \
	do {                                                                            \
		ASSERT_EQ(0, mirror_let_go(&self->mirror));                             \
		ASSERT_EQ(0, call_end(_call));                                          \
	} while (0)

/* An invalidation outside of the mirror's range does not collide with a fault. */
TEST_F_TIMEOUT(mirror_wait, no_collision, MNCK_TIMEOUT)
{
	struct call fault;

	FAULT_TO_GATE(&fault, 0, 4);
	EXPECT_SHADOW(0);
	/* Unmap the guard pages beside the mirror's range. */
	ASSERT_EQ(0, munmap(AT(-1), BYTES(1)));
	ASSERT_EQ(0, munmap(AT(AREA_PAGES), BYTES(1)));
	LET_GO(&fault);
	EXPECT_SHADOW(0xf);
	EXPECT_EQ(0, stats_now(&self->mirror).retries);
	EXPECT_DETACH(&self->mirror, saw_nothing());
}

/*
 * A fault whose page was moved away retries and installs the page that is there then.  The
 * old page still exists at its new address, so the new page has another frame.
 */
TEST_F_TIMEOUT(mirror_wait, collision, MNCK_TIMEOUT)
{
	__u64 before, moved, now;
	struct call fault;
	char *elsewhere;

	ASSERT_EQ(0, pagemap_read(self->pagemap, AT(3), BYTES(1), &before));
	FAULT_TO_GATE(&fault, 3, 4);
	elsewhere = mremap(AT(3), BYTES(1), BYTES(1), MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
	ASSERT_NE(MAP_FAILED, elsewhere);
	COLLIDE(&fault, 1);
	EXPECT_SHADOW(0);
	LET_GO(&fault);
	EXPECT_SHADOW(0x8);

	ASSERT_EQ(0, pagemap_read(self->pagemap, elsewhere, BYTES(1), &moved));
	ASSERT_EQ(0, pagemap_read(self->pagemap, AT(3), BYTES(1), &now));
	EXPECT_EQ(before & PAGEMAP_PFN, moved & PAGEMAP_PFN);
	EXPECT_NE(moved & PAGEMAP_PFN, now & PAGEMAP_PFN);
	EXPECT_EQ(1, stats_now(&self->mirror).retries);
}

/*
 * A fault retries after each invalidation of the mirror's range, also of pages that it does
 * not use, and installs its pages when there was none.
 */
TEST_F_TIMEOUT(mirror_wait, collisions, MNCK_TIMEOUT)
{
	struct call fault;

	FAULT_TO_GATE(&fault, 0, 8);
	ASSERT_EQ(0, madvise(AT(2), BYTES(2), MADV_DONTNEED));
	COLLIDE(&fault, 1);
	ASSERT_EQ(0, madvise(AT(4), BYTES(1), MADV_DONTNEED));
	ASSERT_EQ(0, madvise(AT(5), BYTES(1), MADV_DONTNEED));
	COLLIDE(&fault, 2);
	/* This page is in the mirror's range, but not among those of the fault. */
	ASSERT_EQ(0, madvise(AT(100), BYTES(1), MADV_DONTNEED));
	COLLIDE(&fault, 3);
	LET_GO(&fault);
	EXPECT_SHADOW(0xff);
	EXPECT_EQ(3, stats_now(&self->mirror).retries);
	EXPECT_EQ(4, stats_now(&self->mirror).starts);
}

static int call_dontneed(struct call *call)
{
	return madvise((void *)call->start, call->len, MADV_DONTNEED);
}

/* Waits until the thread of the call sleeps, which it does for the lock alone. */
#define WAIT_UNTIL_SLEEPS(_call) \
	WAIT_UNTIL((_call)->tid && proc_sleeps(getpid(), (_call)->tid))

/*
 * A fault checks for a collision after it has taken the lock, not before.  Here the
 * invalidation and the fault wait for the lock, the invalidation first: when the fault
 * begins to wait, the callback of the invalidation has not set the mirror's sequence yet,
 * and when the fault gets the lock, it has.
 */
TEST_F_TIMEOUT(mirror_wait, collision_at_the_lock, MNCK_TIMEOUT)
{
	struct call fault, hold, dontneed = { .start = AT(3), .len = BYTES(1) };

	FAULT_TO_GATE(&fault, 3, 4);
	ASSERT_EQ(0, call_begin(&hold, call_hold, &self->mirror));
	WAIT_UNTIL(stats_now(&self->mirror).waiting == 2);
	ASSERT_EQ(0, call_begin(&dontneed, call_dontneed, &self->mirror));
	WAIT_UNTIL_SLEEPS(&dontneed);

	/* The fault has no lock, and is the first to go on. */
	ASSERT_EQ(0, mirror_let_go(&self->mirror));
	WAIT_UNTIL(stats_now(&self->mirror).waiting == 1);
	WAIT_UNTIL_SLEEPS(&fault);
	EXPECT_EQ(0, stats_now(&self->mirror).starts);
	LET_GO(&hold);
	ASSERT_EQ(0, call_end(&dontneed));

	WAIT_FOR_GATE(&fault);
	EXPECT_EQ(1, stats_now(&self->mirror).retries);
	LET_GO(&fault);
	EXPECT_SHADOW(0x8);
}

/* A fault fails if its pages were protected or unmapped while it was at the gate. */
TEST_F_TIMEOUT(mirror_wait, gone_meanwhile, MNCK_TIMEOUT)
{
	struct call fault;

	FAULT_TO_GATE(&fault, 0, 4);
	ASSERT_EQ(0, mprotect(AT(1), BYTES(1), PROT_READ));
	ASSERT_EQ(0, mirror_let_go(&self->mirror));
	EXPECT_EQ(EPERM, call_end(&fault));
	EXPECT_SHADOW(0);

	FAULT_TO_GATE(&fault, 4, 8);
	ASSERT_EQ(0, munmap(AT(7), BYTES(1)));
	ASSERT_EQ(0, mirror_let_go(&self->mirror));
	EXPECT_EQ(EFAULT, call_end(&fault));
	EXPECT_SHADOW(0);
}

/*
 * While a fault is at the gate the shadow keeps its other pages, another fault can install
 * pages, and the mirror cannot be detached.
 */
TEST_F_TIMEOUT(mirror_wait, two_faults, MNCK_TIMEOUT)
{
	struct mnck_stats stats;
	struct call fault;

	ASSERT_EQ(0, mirror_fault(&self->mirror, MNCK_MIRROR_WRITE, AT(4), BYTES(4)));
	FAULT_TO_GATE(&fault, 0, 4);
	EXPECT_SHADOW(0xf0);
	/* A fault that does not wait at the gate is not stopped by one that does. */
	ASSERT_EQ(0, mirror_fault(&self->mirror, MNCK_MIRROR_WRITE, AT(0), BYTES(2)));
	EXPECT_SHADOW(0xf3);
	EXPECT_ERRNO(EBUSY, mnck_detach(&self->mirror, &stats));
	LET_GO(&fault);
	EXPECT_SHADOW(0xff);
	EXPECT_DETACH(&self->mirror, saw_nothing());
}

/*
 * A fault that collides each time fails with EBUSY after a limit, which does not include
 * the time at the gate.
 */
TEST_F_TIMEOUT(mirror_wait, gives_up, MNCK_TIMEOUT)
{
	struct call fault;
	int collisions = 0;

	/* All pages, so that each lookup takes long and the limit is reached soon. */
	FAULT_TO_GATE(&fault, 0, AREA_PAGES);
	do {
		ASSERT_EQ(0, madvise(AT(0), BYTES(AREA_PAGES), MADV_DONTNEED));
		collisions++;
		ASSERT_EQ(0, mirror_let_go(&self->mirror));
		WAIT_UNTIL(stats_now(&self->mirror).retries == (__u64)collisions ||
			   !proc_state(getpid(), fault.tid));
		WAIT_FOR_GATE(&fault);
	} while (mirror_holds_call(&self->mirror));
	EXPECT_EQ(EBUSY, call_end(&fault));
	EXPECT_SHADOW(0);
	TH_LOG("gave up after %d collisions", collisions);
}

/* Opening the gate before a call comes lets the next call pass, and only that one. */
TEST_F_TIMEOUT(mirror_wait, let_go_first, MNCK_TIMEOUT)
{
	struct call hold;

	ASSERT_EQ(0, mirror_let_go(&self->mirror));
	ASSERT_EQ(0, mirror_fault(&self->mirror, MNCK_MIRROR_WRITE | MNCK_MIRROR_WAIT, AT(0),
				  BYTES(1)));
	EXPECT_SHADOW(1);
	ASSERT_EQ(0, mirror_let_go(&self->mirror));
	ASSERT_EQ(0, mirror_do(&self->mirror, MNCK_MIRROR_HOLD, 0, NULL, 0, NULL));

	ASSERT_EQ(0, call_begin(&hold, call_hold, &self->mirror));
	WAIT_UNTIL(mirror_holds_call(&self->mirror) && proc_sleeps(getpid(), hold.tid));
	LET_GO(&hold);
}

static void take_signal(int sig __maybe_unused)
{
}

/* A signal that does not kill does not end the wait at the gate. */
TEST_F_TIMEOUT(mirror_wait, signalled, MNCK_TIMEOUT)
{
	struct sigaction action = { .sa_handler = take_signal };
	struct call call;

	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	FAULT_TO_GATE(&call, 0, 4);
	ASSERT_EQ(0, pthread_kill(call.thread, SIGUSR1));
	LET_GO(&call);
	EXPECT_SHADOW(0xf);

	ASSERT_EQ(0, call_begin(&call, call_hold, &self->mirror));
	WAIT_UNTIL(mirror_holds_call(&self->mirror));
	ASSERT_EQ(0, pthread_kill(call.thread, SIGUSR1));
	LET_GO(&call);
}

/* A task that is killed at the gate stops waiting, and releases the lock if it has it. */
TEST_F_TIMEOUT(mirror_wait, killed, MNCK_TIMEOUT)
{
	int status;
	pid_t pid;

	for (int op = MNCK_MIRROR_FAULT; op <= MNCK_MIRROR_HOLD; op += MNCK_MIRROR_HOLD) {
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			if (op == MNCK_MIRROR_FAULT)
				mirror_fault(&self->mirror, MNCK_MIRROR_WAIT, AT(0), BYTES(4));
			else
				mirror_do(&self->mirror, op, 0, NULL, 0, NULL);
			_exit(1);
		}
		WAIT_UNTIL(mirror_holds_call(&self->mirror));
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(SIGKILL, status);
		EXPECT_EQ(0, stats_now(&self->mirror).waiting);
		EXPECT_SHADOW(0);
	}
	ASSERT_EQ(0, munmap(AT(0), BYTES(1)));
}

TEST_HARNESS_MAIN
