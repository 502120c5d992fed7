// SPDX-License-Identifier: GPL-2.0
/*
 * What must not be done in a callback: to drop a registration there, which is
 * refused loudly, and to ask for what only task context allows.
 *
 * What is dropped stays: it is leaked, and with it mnck_callback_misuse, so that the
 * guest has it until the end.
 */
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "callback_misuse.h"
#include "file.h"
#include "mnck_harness.h"
#include "module.h"
#include "option.h"
#include "pages.h"

#define MODULE "mnck_callback_misuse"

FIXTURE(callback_misuse)
{
	int fd;
	size_t page;
	char *area;
	/* The module can't be removed any more: an earlier test has seen to it. */
	bool stays;
};

FIXTURE_SETUP(callback_misuse)
{
	self->fd = -1;
	self->page = getpagesize();
	self->stays = false;
	if (module_insert("MNCK_CALLBACK_MISUSE_KO", "mnck_callback_misuse", "")) {
		if (errno == ENOENT)
			SKIP(return, "no mnck_callback_misuse.ko; set MNCK_CALLBACK_MISUSE_KO");
		ASSERT_EQ(EEXIST, errno);
		self->stays = true;
	}
	ASSERT_EQ(0, small_pages());
	self->area = mmap(NULL, 4 * self->page, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->area);
	memset(self->area, 1, 4 * self->page);
	ASSERT_EQ(0, own_pages());
	self->fd = open("/dev/mnck-callback-misuse", O_RDWR | O_CLOEXEC);
	if (self->fd < 0 && errno == EOPNOTSUPP)
		SKIP(return, "without CONFIG_STACKTRACE and CONFIG_KALLSYMS nobody can tell");
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(callback_misuse)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	EXPECT_EQ(self->stays ? EWOULDBLOCK : 0, errno_of(module_remove(MODULE)));
}

/* So many that one knows it came. */
#define EXPECT_CALLED(_callback)                                \
	EXPECT_LE(1, ioctl(self->fd, MISUSE_CALLS, _callback))

#define EXPECT_NOT_CALLED(_callback)                            \
	EXPECT_EQ(0, ioctl(self->fd, MISUSE_CALLS, _callback))

/* The first callback that the abstraction took for none. */
static int first_missed(int fd)
{
	for (int i = 0; i < MISUSE_CALLBACKS; i++)
		if (ioctl(fd, MISUSE_MISSED, i))
			return i;
	return MISUSE_CALLBACKS;
}

#define EXPECT_NONE_MISSED() EXPECT_EQ(MISUSE_CALLBACKS, first_missed(self->fd))

TEST_F_TIMEOUT(callback_misuse, invalidation, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, ioctl(self->fd, MISUSE_ATTACH, MISUSE_PROBES));
	ASSERT_EQ(0, munmap(self->area, self->page));
	EXPECT_CALLED(MISUSE_START);
	EXPECT_CALLED(MISUSE_NESTED);
	EXPECT_CALLED(MISUSE_END);
	EXPECT_CALLED(MISUSE_INVALIDATE);
	EXPECT_CALLED(MISUSE_FIRST_PASS);
	EXPECT_CALLED(MISUSE_FINISH);
	EXPECT_CALLED(MISUSE_FLUSH);
	EXPECT_NOT_CALLED(MISUSE_RELEASE);
	EXPECT_NONE_MISSED();

	/* Outside, between two callbacks, it may. */
	EXPECT_EQ(0, ioctl(self->fd, MISUSE_ATTACH, MISUSE_PROBES));
}

TEST_F_TIMEOUT(callback_misuse, release_at_unregister, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, ioctl(self->fd, MISUSE_ATTACH, MISUSE_PROBES));
	ASSERT_EQ(0, ioctl(self->fd, MISUSE_DETACH));
	EXPECT_CALLED(MISUSE_RELEASE);
	EXPECT_NONE_MISSED();
}

TEST_F_TIMEOUT(callback_misuse, release_at_exit, MNCK_TIMEOUT)
{
	pid_t pid = fork();
	int status;

	ASSERT_LE(0, pid);
	if (!pid)
		_exit(ioctl(self->fd, MISUSE_ATTACH, MISUSE_PROBES) ? 1 : 0);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	EXPECT_CALLED(MISUSE_RELEASE);
	EXPECT_CALLED(MISUSE_INVALIDATE);
	EXPECT_CALLED(MISUSE_FINISH);
	EXPECT_NONE_MISSED();
}

/* One refuses, so the other gets its end at once. */
TEST_F_TIMEOUT(callback_misuse, undoing_end, MNCK_TIMEOUT)
{
	int status, pidfd;
	pid_t pid = fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		if (ioctl(self->fd, MISUSE_ATTACH, MISUSE_REFUSED))
			_exit(1);
		raise(SIGSTOP);
		_exit(1);
	}
	pidfd = syscall(SYS_pidfd_open, pid, 0);
	ASSERT_LE(0, pidfd);
	ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
	ASSERT_TRUE(WIFSTOPPED(status));
	ASSERT_EQ(0, ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	do {
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_TRUE(WIFSTOPPED(status));
	} while (status >> 8 != (SIGTRAP | PTRACE_EVENT_EXIT << 8));

	EXPECT_ERRNO(EAGAIN, syscall(SYS_process_mrelease, pidfd, 0));
	EXPECT_CALLED(MISUSE_UNDOING_END);
	EXPECT_NONE_MISSED();

	ASSERT_EQ(0, ptrace(PTRACE_CONT, pid, NULL, 0));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_NONE_MISSED();
	EXPECT_EQ(0, close(pidfd));
}

TEST_F_TIMEOUT(callback_misuse, young, MNCK_TIMEOUT)
{
	int bitmap = open("/sys/kernel/mm/page_idle/bitmap", O_RDWR | O_CLOEXEC);
	__u64 frame = page_frame(self->area), word = 1ULL << frame % 64;
	off_t at = frame / 64 * sizeof(word);

	REQUIRE_OPTION(has_idle_page_tracking(), "IDLE_PAGE_TRACKING");
	ASSERT_NE(0, frame);
	ASSERT_EQ(0, ioctl(self->fd, MISUSE_ATTACH, MISUSE_PROBES));
	/* A new page is looked at when it has got to the list that reclaim looks at. */
	WAIT_UNTIL(file_write("/proc/sys/vm/drop_caches", "1") ||
		   pwrite(bitmap, &word, sizeof(word), at) != sizeof(word) ||
		   ioctl(self->fd, MISUSE_CALLS, MISUSE_CLEAR_YOUNG));
	EXPECT_CALLED(MISUSE_CLEAR_YOUNG);
	EXPECT_NONE_MISSED();
	EXPECT_EQ(0, close(bitmap));
}

/*
 * That munmap() returns is the first thing: a drop that waited for the callback
 * that it is in would not.
 */
#define EXPECT_DROP_REFUSED(_what)                                                \
	do {                                                                      \
		int calls_;                                                       \
										  \
		ksft_print_msg("mnck-expect: WARN a registration was dropped in a callback\n"); \
		ASSERT_EQ(0, ioctl(self->fd, MISUSE_ATTACH, _what));             \
		ASSERT_EQ(0, munmap(self->area, self->page));                     \
		self->stays = true;                                               \
										  \
		/* It is registered still, and outlives the one that has dropped it. */ \
		calls_ = ioctl(self->fd, MISUSE_CALLS, MISUSE_DROPPED);         \
		ASSERT_EQ(0, munmap(self->area + self->page, self->page));        \
		EXPECT_EQ(calls_ + 1, ioctl(self->fd, MISUSE_CALLS, MISUSE_DROPPED)); \
		ASSERT_EQ(0, ioctl(self->fd, MISUSE_DETACH));                    \
		ASSERT_EQ(0, munmap(self->area + 2 * self->page, self->page));    \
		EXPECT_EQ(calls_ + 2, ioctl(self->fd, MISUSE_CALLS, MISUSE_DROPPED)); \
										  \
		/* So its code has to stay, though nothing else keeps it. */      \
		ASSERT_EQ(0, close(self->fd));                                    \
		self->fd = -1;                                                    \
		EXPECT_ERRNO(EWOULDBLOCK, module_remove(MODULE));                 \
	} while (0)

TEST_F_TIMEOUT(callback_misuse, drop_in_start, MNCK_TIMEOUT)
{
	EXPECT_DROP_REFUSED(MISUSE_DROPS_IN_START);
}

TEST_F_TIMEOUT(callback_misuse, drop_in_invalidate, MNCK_TIMEOUT)
{
	EXPECT_DROP_REFUSED(MISUSE_DROPS_IN_INVALIDATE);
}

TEST_HARNESS_MAIN
