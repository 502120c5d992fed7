// SPDX-License-Identifier: GPL-2.0
/*
 * Proves that the target process, the session, the process that opened the session
 * and the module may end in any order: no range is left open, and the others go on
 * as before.
 */
#include <sys/stat.h>
#include <sys/syscall.h>

#include "mnck_harness.h"
#include "module.h"
#include "proc.h"
#include "victim.h"

#define AREA_PAGES 16

FIXTURE(lifetime)
{
	int fd;
	size_t page;
	struct victim victim;
	struct subscriber counter;
	struct subscriber trylock;
};

FIXTURE_SETUP(lifetime)
{
	self->fd = -1;
	self->page = getpagesize();
	ASSERT_EQ(0, victim_start(&self->victim, AREA_PAGES * self->page));
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_TRYLOCK, &self->trylock));
	ASSERT_EQ(0, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_COUNTER, &self->counter));
}

FIXTURE_TEARDOWN(lifetime)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	victim_kill(&self->victim);
}

/* Both subscribers have the statistics that @_want(kind, ...) returns. */
#define EXPECT_BOTH(_expect, _want, ...)                                          \
	do {                                                                      \
		_expect(&self->counter, _want(MNCK_KIND_COUNTER, ##__VA_ARGS__)); \
		_expect(&self->trylock, _want(MNCK_KIND_TRYLOCK, ##__VA_ARGS__)); \
	} while (0)

static struct mnck_stats saw_release(__u32 kind __maybe_unused)
{
	return released(saw_nothing());
}

static struct mnck_stats saw_unmaps_and_release(__u32 kind, __u64 n, const void *last, size_t len)
{
	return released(saw_unmaps(kind, n, last, len));
}

/*
 * A subscriber sees nothing of an exit but the release: the exit unmaps the memory
 * after that.
 */
TEST_F_TIMEOUT(lifetime, target_exits, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, victim_send(&self->victim, VICTIM_EXIT, NULL, 0));
	ASSERT_EQ(0, victim_join(&self->victim));

	EXPECT_BOTH(EXPECT_STATS, saw_release);
	EXPECT_BOTH(EXPECT_DETACH, saw_release);
}

/* A target that is killed releases its subscribers, which keep what they have counted. */
TEST_F_TIMEOUT(lifetime, target_killed, MNCK_TIMEOUT)
{
	size_t len = 4 * self->page;

	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, len));
	ASSERT_EQ(SIGKILL, victim_kill(&self->victim));

	EXPECT_BOTH(EXPECT_STATS, saw_unmaps_and_release, 1, VICTIM_AREA, len);
	EXPECT_BOTH(EXPECT_DETACH, saw_unmaps_and_release, 1, VICTIM_AREA, len);
}

/* exec releases the subscribers; the new program has another mm, without subscribers. */
TEST_F_TIMEOUT(lifetime, target_execs, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_EXEC, NULL, 0));
	EXPECT_BOTH(EXPECT_STATS, saw_release);

	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, self->page));
	EXPECT_BOTH(EXPECT_STATS, saw_release);
	EXPECT_BOTH(EXPECT_DETACH, saw_release);

	/* The new mm can be attached to. */
	ASSERT_EQ(0, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_COUNTER, &self->counter));
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA + self->page, self->page));
	EXPECT_STATS(&self->counter, saw_unmaps(MNCK_KIND_COUNTER, 1, VICTIM_AREA + self->page,
						self->page));
}

/* The child of a fork has another mm, without subscribers. */
TEST_F_TIMEOUT(lifetime, target_forks, MNCK_TIMEOUT)
{
	struct mnck_stats counter, trylock;
	int status;

	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_FORK, NULL, 0));
	/*
	 * The parent may still write to a page that it shares with the child
	 * before it waits.  Once it has stopped it invalidates nothing more.
	 */
	ASSERT_EQ(0, kill(self->victim.pid, SIGSTOP));
	ASSERT_EQ(self->victim.pid, waitpid(self->victim.pid, &status, WUNTRACED));
	ASSERT_TRUE(WIFSTOPPED(status));
	ASSERT_EQ(0, mnck_stats(&self->counter, &counter));
	ASSERT_EQ(0, mnck_stats(&self->trylock, &trylock));
	EXPECT_LE(1, counter.events[MNCK_EVENT_PROTECTION_PAGE]);
	EXPECT_EQ(0, counter.events[MNCK_EVENT_UNMAP]);
	EXPECT_EQ(0, counter.open);

	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, 4 * self->page));
	EXPECT_STATS(&self->counter, counter);
	EXPECT_STATS(&self->trylock, trylock);
}

/* The target goes on after the session was closed, and can exit. */
TEST_F_TIMEOUT(lifetime, session_closes, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, self->page));
	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;

	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA + self->page, self->page));
	ASSERT_EQ(0, victim_send(&self->victim, VICTIM_EXIT, NULL, 0));
	EXPECT_EQ(0, victim_join(&self->victim));
}

/* Closing the session releases the lock of a trylock, so the target does not wait for it. */
TEST_F_TIMEOUT(lifetime, session_closes_with_lock, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_HOLD));
	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;

	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, self->page));
}

/* Subscribers belong to the open file: they outlive the process that attached them. */
TEST_F_TIMEOUT(lifetime, opener_exits, MNCK_TIMEOUT)
{
	struct opened {
		int fd;
		struct subscriber sub;
	} opened;
	int said[2], go[2], pidfd, status;
	pid_t opener;

	ASSERT_EQ(0, pipe2(said, O_CLOEXEC));
	ASSERT_EQ(0, pipe2(go, O_CLOEXEC));
	opener = fork();
	ASSERT_LE(0, opener);
	if (!opener) {
		opened.fd = mnck_open();
		ASSERT_EQ(0, mnck_attach(opened.fd, self->victim.pid, MNCK_KIND_TRYLOCK,
					 &opened.sub));
		ASSERT_EQ(0, mnck_lock(&opened.sub, MNCK_LOCK_HOLD));
		ASSERT_EQ((ssize_t)sizeof(opened), write(said[1], &opened, sizeof(opened)));
		ASSERT_EQ(1, read(go[0], &status, 1));
		_exit(0);
	}
	ASSERT_EQ((ssize_t)sizeof(opened), read(said[0], &opened, sizeof(opened)));
	pidfd = syscall(SYS_pidfd_open, opener, 0);
	ASSERT_LE(0, pidfd);
	opened.sub.fd = syscall(SYS_pidfd_getfd, pidfd, opened.fd, 0);
	ASSERT_LE(0, opened.sub.fd);
	ASSERT_EQ(1, write(go[1], "", 1));
	ASSERT_EQ(opener, waitpid(opener, &status, 0));
	ASSERT_EQ(0, status);

	/* The session, not the process, holds the lock as well. */
	ASSERT_EQ(0, mnck_lock(&opened.sub, MNCK_LOCK_RELEASE));
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, self->page));
	EXPECT_STATS(&opened.sub, saw_unmaps(MNCK_KIND_TRYLOCK, 1, VICTIM_AREA, self->page));
	EXPECT_DETACH(&opened.sub, saw_unmaps(MNCK_KIND_TRYLOCK, 1, VICTIM_AREA, self->page));
	EXPECT_EQ(0, close(opened.sub.fd));
}

/* A child that inherits a session can detach what the parent has attached. */
TEST_F_TIMEOUT(lifetime, session_inherited, MNCK_TIMEOUT)
{
	struct mnck_stats stats;
	int status;
	pid_t child;

	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, self->page));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		EXPECT_BOTH(EXPECT_STATS, saw_unmaps, 1, VICTIM_AREA, self->page);
		EXPECT_DETACH(&self->counter, saw_unmaps(MNCK_KIND_COUNTER, 1, VICTIM_AREA,
							 self->page));
		EXPECT_EQ(0, close(self->fd));
		_exit(0);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_EQ(0, status);

	/* The counter is detached here too; the file is still open, and has the trylock. */
	EXPECT_ERRNO(ENOENT, mnck_stats(&self->counter, &stats));
	EXPECT_STATS(&self->trylock, saw_unmaps(MNCK_KIND_TRYLOCK, 1, VICTIM_AREA, self->page));
}

/*
 * A session may have MNCK_MAX_SUBSCRIBERS subscribers at a time, all of which work;
 * one more fails with ENOSPC.
 */
TEST_F_TIMEOUT(lifetime, too_many, MNCK_TIMEOUT)
{
	static struct subscriber subs[MNCK_MAX_SUBSCRIBERS];
	struct subscriber extra;
	int fd;

	subs[0] = self->counter;
	subs[1] = self->trylock;
	for (int i = 2; i < MNCK_MAX_SUBSCRIBERS; i++)
		ASSERT_EQ(0, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_COUNTER, &subs[i]));
	EXPECT_ERRNO(ENOSPC, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_COUNTER, &extra));
	EXPECT_ERRNO(ENOSPC, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_TRYLOCK, &extra));

	/* All of them work. */
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, self->page));
	for (int i = 0; i < MNCK_MAX_SUBSCRIBERS; i++)
		EXPECT_STATS(&subs[i], saw_unmaps(subs[i].kind, 1, VICTIM_AREA, self->page));

	/* A subscriber that was detached does not count any more. */
	EXPECT_DETACH(&subs[7], saw_unmaps(MNCK_KIND_COUNTER, 1, VICTIM_AREA, self->page));
	EXPECT_EQ(0, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_COUNTER, &extra));
	EXPECT_ERRNO(ENOSPC, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_COUNTER, &subs[7]));
	/* The limit is for each session, not for the machine. */
	fd = mnck_open();
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, mnck_attach(fd, self->victim.pid, MNCK_KIND_COUNTER, &extra));
	EXPECT_EQ(0, close(fd));
}

/* Tests that remove the module and insert it again. */
FIXTURE(module)
{
	int fd;
	struct victim victim;
};

FIXTURE_SETUP(module)
{
	REQUIRE_MNCK_KO();
	self->fd = -1;
	ASSERT_EQ(0, victim_start(&self->victim, AREA_PAGES * getpagesize()));
}

FIXTURE_TEARDOWN(module)
{
	if (self->fd >= 0)
		close(self->fd);
	/* The test may have removed the module, or inserted it with other parameters. */
	if (mnck_remove())
		EXPECT_EQ(ENOENT, errno);
	EXPECT_EQ(0, mnck_insert(""));
	victim_kill(&self->victim);
}

/* The module can be removed only after the last session was closed. */
TEST_F_TIMEOUT(module, refuses_removal, MNCK_TIMEOUT)
{
	size_t page = getpagesize();
	struct subscriber sub;

	/* An open file is enough. */
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	EXPECT_ERRNO(EWOULDBLOCK, mnck_remove());

	ASSERT_EQ(0, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_COUNTER, &sub));
	EXPECT_ERRNO(EWOULDBLOCK, mnck_remove());
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, page));
	EXPECT_STATS(&sub, saw_unmaps(MNCK_KIND_COUNTER, 1, VICTIM_AREA, page));

	/* The last close detaches the subscribers; the target goes on. */
	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;
	ASSERT_EQ(0, mnck_remove());
	EXPECT_ERRNO(ENOENT, mnck_open());
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA + page, page));

	ASSERT_EQ(0, mnck_insert(""));
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_COUNTER, &sub));
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA + 2 * page, page));
	EXPECT_STATS(&sub, saw_unmaps(MNCK_KIND_COUNTER, 1, VICTIM_AREA + 2 * page, page));
}

/* The module parameter max_subscribers limits the subscribers of a session. */
TEST_F_TIMEOUT(module, max_subscribers, MNCK_TIMEOUT)
{
	struct subscriber sub;

	ASSERT_EQ(0, mnck_remove());
	ASSERT_EQ(0, mnck_insert("max_subscribers=2"));
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(0, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_COUNTER, &sub));
	EXPECT_EQ(0, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_TRYLOCK, &sub));
	EXPECT_ERRNO(ENOSPC, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_COUNTER, &sub));
}

int main(int argc, char **argv)
{
	victim_exec_main(argc, argv);
	return test_harness_run(argc, argv);
}
