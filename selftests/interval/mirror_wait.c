// SPDX-License-Identifier: GPL-2.0
/*
 * A fault of a mirror that an invalidation collides with, between the lookup and
 * the installing: what was found is never installed.  And what ends a
 * wait at the gate, but for its limit: see wait_limit.c.
 *
 * The fault is stopped at the gate, where it has found its pages and has not
 * taken the lock, and it stays there until the test lets it go.
 */
#include <signal.h>
#include <sys/wait.h>

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

/* Of the area, counted in pages. */
#define AT(_page) (self->area + (_page) * self->page)
#define BYTES(_pages) ((_pages) * self->page)

FIXTURE_SETUP(mirror_wait)
{
	size_t page = getpagesize();
	char *p;

	self->page = page;
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	self->pagemap = pagemap_open(0);
	ASSERT_LE(0, self->pagemap);
	ASSERT_EQ(0, small_pages());
	p = mmap(NULL, (AREA_PAGES + 2) * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, p);
	self->area = p + page;
	ASSERT_EQ(0, mprotect(self->area, BYTES(AREA_PAGES), PROT_READ | PROT_WRITE));
	memset(self->area, 1, BYTES(AREA_PAGES));
	ASSERT_EQ(0, interval_attach(self->fd, 0, MNCK_KIND_MIRROR, 0, self->area,
				     BYTES(AREA_PAGES), &self->mirror));
}

FIXTURE_TEARDOWN(mirror_wait)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
}

/* Of the first eight pages. */
#define EXPECT_SHADOW(_present)                                                         \
	EXPECT_STREQ("", shadow_differs(&self->mirror, self->pagemap, self->area, 8,    \
					_present, _present))

/* A fault for writing of pages @_from to @_to, at the gate. */
#define FAULT_TO_GATE(_fault, _from, _to)                                               \
	do {                                                                            \
		*(_fault) = (struct call){                                              \
			.flags = MNCK_MIRROR_WRITE | MNCK_MIRROR_WAIT,                  \
			.start = AT(_from), .len = BYTES((_to) - (_from)),              \
		};                                                                      \
		ASSERT_EQ(0, call_begin(_fault, call_fault, &self->mirror));            \
		WAIT_UNTIL(mirror_holds_call(&self->mirror));                                     \
	} while (0)

/* It waits again, or has returned. */
#define WAIT_FOR_GATE(_fault) \
	WAIT_UNTIL(mirror_holds_call(&self->mirror) || !proc_state(getpid(), (_fault)->tid))

/* Lets the fault go on to find that it has collided, and that @_retries times by now. */
#define COLLIDE(_fault, _retries)                                                       \
	do {                                                                            \
		EXPECT_EQ((_retries) - 1, stats_now(&self->mirror).retries);            \
		ASSERT_EQ(0, mirror_let_go(&self->mirror));                             \
		WAIT_UNTIL(stats_now(&self->mirror).retries == (_retries) ||            \
			   !proc_state(getpid(), (_fault)->tid));                       \
		WAIT_FOR_GATE(_fault);                                                  \
		ASSERT_TRUE(mirror_holds_call(&self->mirror));                                    \
	} while (0)

#define LET_GO(_call)                                                                   \
	do {                                                                            \
		ASSERT_EQ(0, mirror_let_go(&self->mirror));                             \
		ASSERT_EQ(0, call_end(_call));                                          \
	} while (0)

TEST_F_TIMEOUT(mirror_wait, no_collision, MNCK_TIMEOUT)
{
	struct call fault;

	FAULT_TO_GATE(&fault, 0, 4);
	EXPECT_SHADOW(0);
	/* Beside the mirror's range, which is no collision. */
	ASSERT_EQ(0, munmap(AT(-1), BYTES(1)));
	ASSERT_EQ(0, munmap(AT(AREA_PAGES), BYTES(1)));
	LET_GO(&fault);
	EXPECT_SHADOW(0xf);
	EXPECT_EQ(0, stats_now(&self->mirror).retries);
	EXPECT_DETACH(&self->mirror, saw_nothing());
}

/*
 * The page that was found has moved, and lives on elsewhere: so the one that is
 * there now must be another, and the shadow must have that.
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

/* Each lookup anew, also the second; and one that nothing collides with is the last. */
TEST_F_TIMEOUT(mirror_wait, collisions, MNCK_TIMEOUT)
{
	struct call fault;

	FAULT_TO_GATE(&fault, 0, 8);
	ASSERT_EQ(0, madvise(AT(2), BYTES(2), MADV_DONTNEED));
	COLLIDE(&fault, 1);
	ASSERT_EQ(0, madvise(AT(4), BYTES(1), MADV_DONTNEED));
	ASSERT_EQ(0, madvise(AT(5), BYTES(1), MADV_DONTNEED));
	COLLIDE(&fault, 2);
	/* Of the mirror's range, but none of the pages that the fault is about. */
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

/* A thread has gone to sleep, for which it has one reason. */
#define WAIT_UNTIL_SLEEPS(_call) \
	WAIT_UNTIL((_call)->tid && proc_sleeps(getpid(), (_call)->tid))

/*
 * The fault comes to the lock before the invalidation has told anyone, but gets
 * it only afterwards: both queue for it, the invalidation first.  So it is no use
 * to look for collisions and then take the lock.
 */
TEST_F_TIMEOUT(mirror_wait, collision_at_the_lock, MNCK_TIMEOUT)
{
	struct call fault, hold, dontneed = { .start = AT(3), .len = BYTES(1) };

	FAULT_TO_GATE(&fault, 3, 4);
	ASSERT_EQ(0, call_begin(&hold, call_hold, &self->mirror));
	WAIT_UNTIL(stats_now(&self->mirror).waiting == 2);
	ASSERT_EQ(0, call_begin(&dontneed, call_dontneed, &self->mirror));
	WAIT_UNTIL_SLEEPS(&dontneed);

	/* Who came to the gate first goes first. */
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

/* What has gone while the fault waited: it fails as it would have at first. */
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

/* The pages of the shadow stay while a fault of others waits, and it can be detached by none. */
TEST_F_TIMEOUT(mirror_wait, two_faults, MNCK_TIMEOUT)
{
	struct mnck_stats stats;
	struct call fault;

	ASSERT_EQ(0, mirror_fault(&self->mirror, MNCK_MIRROR_WRITE, AT(4), BYTES(4)));
	FAULT_TO_GATE(&fault, 0, 4);
	EXPECT_SHADOW(0xf0);
	/* Another that does not wait is not stopped by one that does. */
	ASSERT_EQ(0, mirror_fault(&self->mirror, MNCK_MIRROR_WRITE, AT(0), BYTES(2)));
	EXPECT_SHADOW(0xf3);
	EXPECT_ERRNO(EBUSY, mnck_detach(&self->mirror, &stats));
	LET_GO(&fault);
	EXPECT_SHADOW(0xff);
	EXPECT_DETACH(&self->mirror, saw_nothing());
}

/* Collided with all the time, a fault gives up; the time at the gate does not count. */
TEST_F_TIMEOUT(mirror_wait, gives_up, MNCK_TIMEOUT)
{
	struct call fault;
	int collisions = 0;

	/* All pages, so that each lookup takes its time. */
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

/* Who opens the gate before somebody comes has opened it for the next alone. */
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

/* A signal is none of its business, if it does not kill. */
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

/* Who is killed waits no longer, and has let go of the lock. */
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
