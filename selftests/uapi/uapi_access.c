// SPDX-License-Identifier: GPL-2.0
/*
 * How a caller names the process to attach to; and each event of the core reaches a
 * subscriber under the right name.  Which processes it may attach to: uapi_target.c.
 */
#include <pthread.h>
#include <sys/stat.h>

#include "child.h"
#include "file.h"
#include "mnck_harness.h"
#include "privilege.h"
#include "proc.h"
#include "victim.h"

FIXTURE(pid)
{
	int fd;
	struct victim victim;
};

FIXTURE_SETUP(pid)
{
	self->fd = -1;
	ASSERT_EQ(0, victim_start(&self->victim, 4 * getpagesize()));
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(pid)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	victim_kill(&self->victim);
}

/* The test unmaps a page, and the subscriber sees it. */
#define EXPECT_ATTACHED_TO_SELF(_sub)                                             \
	do {                                                                      \
		struct mnck_stats before_, after_;                                \
		char *p_ = mmap(NULL, getpagesize(), PROT_NONE,                   \
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);              \
										  \
		ASSERT_NE(MAP_FAILED, p_);                                        \
		ASSERT_EQ(0, mnck_stats(_sub, &before_));                         \
		ASSERT_EQ(0, munmap(p_, getpagesize()));                          \
		ASSERT_EQ(0, mnck_stats(_sub, &after_));                          \
		EXPECT_EQ(before_.events[MNCK_EVENT_UNMAP] + 1,                   \
			  after_.events[MNCK_EVENT_UNMAP]);                       \
	} while (0)

/* A thread that reports its tid. */
struct other_thread {
	pthread_barrier_t barrier;
	pid_t tid;
};

/* Stores its tid, and exits after the second wait at the barrier. */
static void *tell_tid(void *arg)
{
	struct other_thread *other = arg;

	other->tid = gettid();
	pthread_barrier_wait(&other->barrier);
	pthread_barrier_wait(&other->barrier);
	return NULL;
}

/* A process can attach to itself: by pid 0, its own pid or the tid of any of its threads. */
TEST_F_TIMEOUT(pid, oneself, MNCK_TIMEOUT)
{
	struct other_thread other;
	struct subscriber sub;
	pthread_t thread;

	ASSERT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_COUNTER, &sub));
	EXPECT_ATTACHED_TO_SELF(&sub);
	ASSERT_EQ(0, mnck_attach(self->fd, getpid(), MNCK_KIND_COUNTER, &sub));
	EXPECT_ATTACHED_TO_SELF(&sub);

	/* A tid attaches to the thread's process. */
	ASSERT_EQ(0, pthread_barrier_init(&other.barrier, NULL, 2));
	ASSERT_EQ(0, pthread_create(&thread, NULL, tell_tid, &other));
	pthread_barrier_wait(&other.barrier);
	ASSERT_NE(getpid(), other.tid);
	ASSERT_EQ(0, mnck_attach(self->fd, other.tid, MNCK_KIND_COUNTER, &sub));
	EXPECT_ATTACHED_TO_SELF(&sub);
	pthread_barrier_wait(&other.barrier);
	ASSERT_EQ(0, pthread_join(thread, NULL));
}

/* A subscriber that is attached to another process sees what that process does. */
TEST_F_TIMEOUT(pid, another, MNCK_TIMEOUT)
{
	size_t len = 4 * getpagesize();
	struct subscriber sub;

	ASSERT_EQ(0, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_COUNTER, &sub));
	EXPECT_STATS(&sub, saw_nothing());
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, len));
	EXPECT_STATS(&sub, saw_unmaps(MNCK_KIND_COUNTER, 1, VICTIM_AREA, len));
}

/* A pid without a process, or a process without an mm, fails with ESRCH. */
TEST_F_TIMEOUT(pid, no_process, MNCK_TIMEOUT)
{
	const pid_t none[] = { -1, -getpid(), INT32_MIN, INT32_MAX };
	struct subscriber sub;
	siginfo_t info;

	for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
		EXPECT_ERRNO(ESRCH, mnck_attach(self->fd, none[i], MNCK_KIND_COUNTER, &sub))
			TH_LOG("pid %d", none[i]);
	}

	/* A zombie has a pid and no mm. */
	ASSERT_EQ(0, victim_send(&self->victim, VICTIM_EXIT, NULL, 0));
	ASSERT_EQ(0, waitid(P_PID, self->victim.pid, &info, WEXITED | WNOWAIT));
	EXPECT_ERRNO(ESRCH, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_COUNTER, &sub));

	/* A zombie that was waited for has no pid. */
	ASSERT_EQ(self->victim.pid, waitpid(self->victim.pid, NULL, 0));
	EXPECT_ERRNO(ESRCH, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_COUNTER, &sub));
	self->victim.pid = 0;
}

/* A kernel thread fails with EINVAL. */
TEST_F_TIMEOUT(pid, kernel_thread, MNCK_TIMEOUT)
{
	struct subscriber sub;
	char comm[32];

	file_read(comm, sizeof(comm), "/proc/2/comm");
	if (strcmp(comm, "kthreadd\n"))
		SKIP(return, "no kernel threads in this pid namespace");
	EXPECT_ERRNO(EINVAL, mnck_attach(self->fd, 2, MNCK_KIND_COUNTER, &sub));
}

/* Only root can open the device. */
TEST_F_TIMEOUT(pid, mode, MNCK_TIMEOUT)
{
	struct stat st;

	ASSERT_EQ(0, stat(MNCK_DEVICE, &st));
	EXPECT_TRUE(S_ISCHR(st.st_mode));
	EXPECT_EQ(0600, st.st_mode & 07777);
	EXPECT_EQ(0, st.st_uid);
}

/* A process without privileges cannot open the device, but can use a file that it inherits. */
TEST_F_TIMEOUT(pid, not_root, MNCK_TIMEOUT)
{
	struct subscriber sub;
	pid_t child;

	child = fork();
	if (!child) {
		ASSERT_EQ(0, become_user(NOBODY));
		EXPECT_ERRNO(EACCES, mnck_open());
		ASSERT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_COUNTER, &sub));
		EXPECT_ATTACHED_TO_SELF(&sub);
		ASSERT_EQ(0, mnck_attach(self->fd, getpid(), MNCK_KIND_COUNTER, &sub));
		EXPECT_ATTACHED_TO_SELF(&sub);
		_exit(0);
	}
	JOIN_CHILD(child);
}

/* Each event that a single system call causes has its own name and range. */
FIXTURE(events)
{
	int fd;
	size_t len;
	char *area;
	struct subscriber counter;
	struct subscriber trylock;
};

FIXTURE_SETUP(events)
{
	self->len = 4 * getpagesize();
	self->area = mmap(NULL, self->len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	ASSERT_NE(MAP_FAILED, self->area);
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, own_pages());
	ASSERT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_COUNTER, &self->counter));
	ASSERT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_TRYLOCK, &self->trylock));
}

FIXTURE_TEARDOWN(events)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
}

/* Both have seen one blockable @event of this range. */
#define EXPECT_EVENT(_event, _start, _len)                                        \
	do {                                                                      \
		EXPECT_STATS(&self->counter, saw(MNCK_KIND_COUNTER, 1, _event,    \
						 MNCK_RANGE_BLOCKABLE, _start, _len, _len)); \
		EXPECT_STATS(&self->trylock, saw(MNCK_KIND_TRYLOCK, 1, _event,    \
						 MNCK_RANGE_BLOCKABLE, _start, _len, _len)); \
	} while (0)

/* munmap() is UNMAP. */
TEST_F_TIMEOUT(events, unmap, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, munmap(self->area, self->len));
	EXPECT_EVENT(MNCK_EVENT_UNMAP, self->area, self->len);
}

/* MADV_DONTNEED is CLEAR. */
TEST_F_TIMEOUT(events, clear, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, madvise(self->area, self->len, MADV_DONTNEED));
	EXPECT_EVENT(MNCK_EVENT_CLEAR, self->area, self->len);
}

/* mprotect() is PROTECTION_VMA. */
TEST_F_TIMEOUT(events, protection_vma, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, mprotect(self->area, self->len, PROT_READ));
	EXPECT_EVENT(MNCK_EVENT_PROTECTION_VMA, self->area, self->len);
}

/* clear_refs is SOFT_DIRTY, of the whole address space: 0 to ULONG_MAX. */
TEST_F_TIMEOUT(events, soft_dirty, MNCK_TIMEOUT)
{
	int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);

	ASSERT_LE(0, fd);
	ASSERT_EQ(1, write(fd, "4", 1));
	EXPECT_EVENT(MNCK_EVENT_SOFT_DIRTY, NULL, ~0UL);
	close(fd);
}

/* fork() is PROTECTION_PAGE: it write-protects what parent and child share from then on. */
TEST_F_TIMEOUT(events, protection_page, MNCK_TIMEOUT)
{
	struct mnck_stats before, after;
	pid_t child;

	ASSERT_EQ(0, mnck_stats(&self->counter, &before));
	child = fork();
	if (!child)
		_exit(0);
	JOIN_CHILD(child);
	ASSERT_EQ(0, mnck_stats(&self->counter, &after));
	EXPECT_STREQ("", mnck_broken(MNCK_KIND_COUNTER, &after));
	EXPECT_EQ(0, before.events[MNCK_EVENT_PROTECTION_PAGE]);
	/* The stack, the data and the area at least. */
	EXPECT_LE(3, after.events[MNCK_EVENT_PROTECTION_PAGE]);
	/* The others are CLEAR: pages that this process has written to since, which copies them. */
	EXPECT_EQ(after.starts, after.events[MNCK_EVENT_PROTECTION_PAGE] +
				after.events[MNCK_EVENT_CLEAR]);
	EXPECT_EQ(0, after.non_blockable);
	EXPECT_EQ(0, after.open);
}

TEST_HARNESS_MAIN
