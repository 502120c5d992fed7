// SPDX-License-Identifier: GPL-2.0
/*
 * Proves that the Rust abstraction detects when it is called in a callback: a
 * callback cannot get a TaskContext, and a registration that is dropped in a callback
 * stays registered, with a WARN.  The kernel looks for sleeps in each callback of a non-blockable
 * range.
 *
 * Such a registration is leaked on purpose.  It keeps the module
 * mnck_callback_misuse, which then cannot be removed until the guest is shut down.
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
#include "violation.h"

#define MODULE "mnck_callback_misuse"

FIXTURE(callback_misuse)
{
	int fd;
	size_t page;
	char *area;
	/* A registration was leaked, in this test or before, and keeps the module. */
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
		SKIP(return, "needs CONFIG_STACKTRACE and CONFIG_KALLSYMS");
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(callback_misuse)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	EXPECT_EQ(self->stays ? EWOULDBLOCK : 0, errno_of(module_remove(MODULE)));
}

/* The callback was called at least once. */
#define EXPECT_CALLED(_callback)                                \
	EXPECT_LE(1, ioctl(self->fd, MISUSE_CALLS, _callback))

#define EXPECT_NOT_CALLED(_callback)                            \
	EXPECT_EQ(0, ioctl(self->fd, MISUSE_CALLS, _callback))

/*
 * Returns the first callback that the abstraction did not recognise as one, or
 * MISUSE_CALLBACKS if it has recognised all.
 */
static int first_missed(int fd)
{
	for (int i = 0; i < MISUSE_CALLBACKS; i++)
		if (ioctl(fd, MISUSE_MISSED, i))
			return i;
	return MISUSE_CALLBACKS;
}

#define EXPECT_NONE_MISSED() EXPECT_EQ(MISUSE_CALLBACKS, first_missed(self->fd))

/* The abstraction recognises all callbacks of a munmap(). */
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

	/* Between two callbacks the task can get a TaskContext, and attach. */
	EXPECT_EQ(0, ioctl(self->fd, MISUSE_ATTACH, MISUSE_PROBES));
}

/* The abstraction recognises a release that an unregister calls. */
TEST_F_TIMEOUT(callback_misuse, release_at_unregister, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, ioctl(self->fd, MISUSE_ATTACH, MISUSE_PROBES));
	ASSERT_EQ(0, ioctl(self->fd, MISUSE_DETACH));
	EXPECT_CALLED(MISUSE_RELEASE);
	EXPECT_NONE_MISSED();
}

/* The abstraction recognises the callbacks of an exit. */
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

/* A child attaches @_what to itself, dies and is reaped, with this result. */
#define EXPECT_REAPED(_errno, _what)                                              \
	do {                                                                      \
		int status_, pidfd_;                                              \
		pid_t pid_ = fork();                                              \
										  \
		ASSERT_LE(0, pid_);                                               \
		if (!pid_) {                                                      \
			if (ioctl(self->fd, MISUSE_ATTACH, _what))                \
				_exit(1);                                         \
			raise(SIGSTOP);                                           \
			_exit(1);                                                 \
		}                                                                 \
		pidfd_ = syscall(SYS_pidfd_open, pid_, 0);                        \
		ASSERT_LE(0, pidfd_);                                             \
		ASSERT_EQ(pid_, waitpid(pid_, &status_, WUNTRACED));              \
		ASSERT_TRUE(WIFSTOPPED(status_));                                 \
		ASSERT_EQ(0, ptrace(PTRACE_SEIZE, pid_, NULL,                     \
				    PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL));     \
		ASSERT_EQ(0, kill(pid_, SIGKILL));                                \
		do {                                                              \
			ASSERT_EQ(pid_, waitpid(pid_, &status_, 0));              \
			ASSERT_TRUE(WIFSTOPPED(status_));                         \
		} while (status_ >> 8 != (SIGTRAP | PTRACE_EVENT_EXIT << 8));     \
										  \
		EXPECT_ERRNO(_errno, syscall(SYS_process_mrelease, pidfd_, 0));   \
		ASSERT_EQ(0, ptrace(PTRACE_CONT, pid_, NULL, 0));                 \
		ASSERT_EQ(pid_, waitpid(pid_, &status_, 0));                      \
		EXPECT_EQ(0, close(pidfd_));                                      \
	} while (0)

/* The abstraction recognises the end that undoes a start since another start refused. */
TEST_F_TIMEOUT(callback_misuse, undoing_end, MNCK_TIMEOUT)
{
	EXPECT_REAPED(EAGAIN, MISUSE_REFUSED);
	EXPECT_CALLED(MISUSE_UNDOING_END);
	EXPECT_NONE_MISSED();
}

/*
 * The kernel reports a callback that locks a mutex in a non-blockable range, also where the core
 * does not have it look: the abstraction does.  The kernel reports such at most once a second.
 */
#define EXPECT_LOCK_REPORTED(_errno, _what)                                       \
	do {                                                                      \
		REQUIRE_OPTION(has_debug_atomic_sleep(), "DEBUG_ATOMIC_SLEEP");   \
		sleep(2);                                                         \
		announce_sleep_bug(BUG_MIGHT_SLEEP);                              \
		EXPECT_REAPED(_errno, _what);                                     \
	} while (0)

TEST_F_TIMEOUT(callback_misuse, lock_in_undoing_end, MNCK_TIMEOUT)
{
	EXPECT_LOCK_REPORTED(EAGAIN, MISUSE_LOCKS_IN_END);
}

TEST_F_TIMEOUT(callback_misuse, lock_in_invalidate, MNCK_TIMEOUT)
{
	EXPECT_LOCK_REPORTED(0, MISUSE_LOCKS_IN_INVALIDATE);
}

/* The abstraction recognises a callback about young pages. */
TEST_F_TIMEOUT(callback_misuse, young, MNCK_TIMEOUT)
{
	int bitmap = open("/sys/kernel/mm/page_idle/bitmap", O_RDWR | O_CLOEXEC);
	__u64 frame = page_frame(self->area), word = 1ULL << frame % 64;
	off_t at = frame / 64 * sizeof(word);

	REQUIRE_OPTION(has_idle_page_tracking(), "IDLE_PAGE_TRACKING");
	ASSERT_NE(0, frame);
	ASSERT_EQ(0, ioctl(self->fd, MISUSE_ATTACH, MISUSE_PROBES));
	/* Idle page tracking skips a new page until the page is on an LRU list. */
	WAIT_UNTIL(file_write("/proc/sys/vm/drop_caches", "1") ||
		   pwrite(bitmap, &word, sizeof(word), at) != sizeof(word) ||
		   ioctl(self->fd, MISUSE_CALLS, MISUSE_CLEAR_YOUNG));
	EXPECT_CALLED(MISUSE_CLEAR_YOUNG);
	EXPECT_NONE_MISSED();
	EXPECT_EQ(0, close(bitmap));
}

/*
 * A registration that is dropped in a callback stays registered.  The drop does not
 * wait for the callback that it is called in, so munmap() returns.
 */
#define EXPECT_DROP_REFUSED(_what)                                                \
	do {                                                                      \
		int calls_;                                                       \
										  \
		ksft_print_msg("mnck-expect: WARN a registration was dropped in a callback\n"); \
		ASSERT_EQ(0, ioctl(self->fd, MISUSE_ATTACH, _what));              \
		ASSERT_EQ(0, munmap(self->area, self->page));                     \
		self->stays = true;                                               \
										  \
		/* It still gets callbacks, also after the one that dropped it has gone. */ \
		calls_ = ioctl(self->fd, MISUSE_CALLS, MISUSE_DROPPED);           \
		ASSERT_EQ(0, munmap(self->area + self->page, self->page));        \
		EXPECT_EQ(calls_ + 1, ioctl(self->fd, MISUSE_CALLS, MISUSE_DROPPED)); \
		ASSERT_EQ(0, ioctl(self->fd, MISUSE_DETACH));                     \
		ASSERT_EQ(0, munmap(self->area + 2 * self->page, self->page));    \
		EXPECT_EQ(calls_ + 2, ioctl(self->fd, MISUSE_CALLS, MISUSE_DROPPED)); \
										  \
		/* It alone keeps the module, which has the code of its callbacks. */ \
		ASSERT_EQ(0, close(self->fd));                                    \
		self->fd = -1;                                                    \
		EXPECT_ERRNO(EWOULDBLOCK, module_remove(MODULE));                 \
	} while (0)

/* A registration that is dropped in a start stays registered. */
TEST_F_TIMEOUT(callback_misuse, drop_in_start, MNCK_TIMEOUT)
{
	EXPECT_DROP_REFUSED(MISUSE_DROPS_IN_START);
}

/* An interval registration that is dropped in an invalidate callback stays registered. */
TEST_F_TIMEOUT(callback_misuse, drop_in_invalidate, MNCK_TIMEOUT)
{
	EXPECT_DROP_REFUSED(MISUSE_DROPS_IN_INVALIDATE);
}

TEST_HARNESS_MAIN
