// SPDX-License-Identifier: GPL-2.0
/*
 * Which processes the opener of a session may attach to: those that it could trace.
 *
 * An opener is a child that opens a node of the device that every user may open.
 */
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "child.h"
#include "file.h"
#include "interval.h"
#include "mnck_harness.h"
#include "option.h"
#include "privilege.h"
#include "proc.h"

#define USER 1000
#define OTHER 1001

FIXTURE(uapi_target)
{
	/* A node of the device with mode 0666. */
	char node[32];
	/* The process to attach to, or 0. */
	pid_t pid;
};

FIXTURE_SETUP(uapi_target)
{
	struct stat st;

	snprintf(self->node, sizeof(self->node), "/dev/mnck-%d", getpid());
	ASSERT_EQ(0, stat(MNCK_DEVICE, &st));
	ASSERT_EQ(0, mknod(self->node, S_IFCHR, st.st_rdev));
	ASSERT_EQ(0, chmod(self->node, 0666));
}

FIXTURE_TEARDOWN(uapi_target)
{
	EXPECT_EQ(0, child_kill(&self->pid));
	EXPECT_EQ(0, unlink(self->node));
}

/* Writes a byte. */
static void say(int fd)
{
	if (write(fd, "", 1) != 1)
		_exit(errno);
}

/* Waits for a byte.  Returns 0, or -1 if the writer has gone. */
static int hear(int fd)
{
	char byte;

	return read(fd, &byte, 1) == 1 ? 0 : -1;
}

/* Says that the target is ready, waits to be killed, and dies with its parent. */
static void be_target(int ready)
{
	/* A change of the ids resets this. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	say(ready);
	for (;;)
		pause();
}

/* The ids of a process, and whether it is dumpable: else -1, what its ids make it. */
struct identity {
	uid_t user[3];
	gid_t group[3];
	int dumpable;
};

static const struct identity same = {
	.user = { USER, USER, USER }, .group = { USER, USER, USER }, .dumpable = 1,
};

static int take_identity(const struct identity *id)
{
	if (setresgid(id->group[0], id->group[1], id->group[2]) ||
	    setresuid(id->user[0], id->user[1], id->user[2]))
		return -1;
	return id->dumpable < 0 ? 0 : prctl(PR_SET_DUMPABLE, id->dumpable);
}

/* Starts a target; returns its pid when @run has called be_target(), or -1 and errno. */
static pid_t target_run(void (*run)(int ready, const struct identity *id),
			const struct identity *id)
{
	int ready[2], status;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC))
		return -1;
	pid = fork();
	if (!pid) {
		close(ready[0]);
		run(ready[1], id);
		_exit(errno);
	}
	close(ready[1]);
	if (hear(ready[0])) {
		waitpid(pid, &status, 0);
		errno = WEXITSTATUS(status);
		pid = -1;
	}
	close(ready[0]);
	return pid;
}

static void run_as(int ready, const struct identity *id)
{
	if (!take_identity(id))
		be_target(ready);
}

/* Starts a target with these ids. */
static pid_t target_start(const struct identity *id)
{
	return target_run(run_as, id);
}

/* Opens the session as this process, and attaches a counter; returns the errno, or 0. */
static int try_attach(const char *node, pid_t pid)
{
	int fd = open(node, O_RDWR | O_CLOEXEC);
	struct subscriber sub;
	int error;

	if (fd < 0)
		return errno;
	error = errno_of(mnck_attach(fd, pid, MNCK_KIND_COUNTER, &sub));
	close(fd);
	return error;
}

/* Does the same as an unprivileged user. */
static int try_as(uid_t user, const char *node, pid_t pid)
{
	pid_t child = fork();
	int status;

	if (!child)
		_exit(become_user(user) ? 255 : try_attach(node, pid));
	return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* A user can attach to a dumpable process all of whose ids are the user's; root, to any. */
TEST_F_TIMEOUT(uapi_target, ids, MNCK_TIMEOUT)
{
	for (int i = -1; i < 6; i++) {
		struct identity id = same;

		if (i >= 0 && i < 3)
			id.user[i] = OTHER;
		else if (i >= 3)
			id.group[i - 3] = OTHER;
		self->pid = target_start(&id);
		ASSERT_LT(0, self->pid);
		EXPECT_EQ(i < 0 ? 0 : EPERM, try_as(USER, self->node, self->pid))
			TH_LOG("id %d differs", i);
		EXPECT_EQ(EPERM, try_as(OTHER, self->node, self->pid));
		EXPECT_EQ(0, try_attach(self->node, self->pid));
		ASSERT_EQ(0, child_kill(&self->pid));
	}
}

/* A process that is not dumpable, because it says so or has changed its ids, is protected. */
TEST_F_TIMEOUT(uapi_target, dumpable, MNCK_TIMEOUT)
{
	for (int dumpable = -1; dumpable <= 0; dumpable++) {
		struct identity id = same;

		id.dumpable = dumpable;
		self->pid = target_start(&id);
		ASSERT_LT(0, self->pid);
		EXPECT_EQ(EPERM, try_as(USER, self->node, self->pid));
		EXPECT_EQ(0, try_attach(self->node, self->pid));
		ASSERT_EQ(0, child_kill(&self->pid));
	}
}

/* Without CAP_SYS_PTRACE root is a user like others, and its file-system ids count. */
TEST_F_TIMEOUT(uapi_target, root, MNCK_TIMEOUT)
{
	const struct identity root = { .dumpable = 1 };
	pid_t child, roots;

	self->pid = target_start(&same);
	ASSERT_LT(0, self->pid);
	roots = target_start(&root);
	ASSERT_LT(0, roots);
	child = fork();
	if (!child) {
		ASSERT_EQ(0, drop_capability(CAP_SYS_PTRACE));
		EXPECT_EQ(0, try_attach(self->node, roots));
		EXPECT_EQ(EPERM, try_attach(self->node, self->pid));
		setfsgid(USER);
		EXPECT_EQ(EPERM, try_attach(self->node, roots));
		EXPECT_EQ(EPERM, try_attach(self->node, self->pid));
		setfsuid(USER);
		EXPECT_EQ(EPERM, try_attach(self->node, roots));
		EXPECT_EQ(0, try_attach(self->node, self->pid));
		_exit(0);
	}
	JOIN_CHILD(child);
	EXPECT_EQ(0, child_kill(&roots));
}

/* The rights are those of the opener, whoever calls. */
TEST_F_TIMEOUT(uapi_target, opener, MNCK_TIMEOUT)
{
	const struct identity root = { .dumpable = 0 };
	struct subscriber sub;
	int of_root, of_user;
	pid_t child;

	self->pid = target_start(&root);
	ASSERT_LT(0, self->pid);
	of_root = open(self->node, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, of_root);
	ASSERT_EQ(0, setegid(USER));
	ASSERT_EQ(0, seteuid(USER));
	of_user = open(self->node, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, of_user);
	ASSERT_EQ(0, seteuid(0));
	ASSERT_EQ(0, setegid(0));

	EXPECT_ERRNO(EPERM, mnck_attach(of_user, self->pid, MNCK_KIND_COUNTER, &sub));
	EXPECT_ERRNO(0, mnck_attach(of_user, getpid(), MNCK_KIND_COUNTER, &sub));
	child = fork();
	if (!child) {
		ASSERT_EQ(0, become_user(USER));
		EXPECT_ERRNO(0, mnck_attach(of_root, self->pid, MNCK_KIND_COUNTER, &sub));
		/* Its own mm is the caller's, although it is not dumpable. */
		EXPECT_ERRNO(0, mnck_attach(of_user, 0, MNCK_KIND_COUNTER, &sub));
		EXPECT_ERRNO(0, mnck_attach(of_user, getpid(), MNCK_KIND_COUNTER, &sub));
		_exit(0);
	}
	JOIN_CHILD(child);
	close(of_root);
	close(of_user);
}

/* Reads the entry of one page of a mirror, on a session that this process opens. */
static __u64 entry_of(const char *node, const char *page)
{
	int fd = open(node, O_RDWR | O_CLOEXEC);
	struct subscriber mirror;
	__u64 entry = 0;

	if (fd < 0 || interval_attach(fd, 0, MNCK_KIND_MIRROR, 0, page, getpagesize(), &mirror) ||
	    mirror_fault(&mirror, MNCK_MIRROR_WRITE, page, getpagesize()) ||
	    mirror_read(&mirror, page, getpagesize(), &entry))
		entry = 0;
	close(fd);
	return entry;
}

/* The frame number of a page is only for an opener with CAP_SYS_ADMIN. */
TEST_F_TIMEOUT(uapi_target, frame_number, MNCK_TIMEOUT)
{
	const __u64 flags = MNCK_PAGE_PRESENT | MNCK_PAGE_WRITABLE;
	char *page = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t child;

	ASSERT_NE(MAP_FAILED, page);
	EXPECT_LT(flags, entry_of(self->node, page));
	child = fork();
	if (!child) {
		ASSERT_EQ(0, drop_capability(CAP_SYS_ADMIN));
		EXPECT_EQ(flags, entry_of(self->node, page));
		ASSERT_EQ(0, become_user(USER));
		EXPECT_EQ(flags, entry_of(self->node, page));
		_exit(0);
	}
	JOIN_CHILD(child);
}

/* Maps users 0 and 1 of the process's user namespace to USER and OTHER, and so groups. */
static int map_ids(pid_t pid)
{
	char path[64], map[64];

	snprintf(map, sizeof(map), "0 %d 1\n1 %d 1\n", USER, OTHER);
	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	if (file_write(path, map))
		return -1;
	snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
	return file_write(path, map);
}

/* What the program of target_exec() does: it is not dumpable. */
static void exec_main(void)
{
	prctl(PR_SET_DUMPABLE, 0);
	be_target(STDOUT_FILENO);
}

static void run_exec(int ready, const struct identity *id __maybe_unused)
{
	dup2(ready, STDOUT_FILENO);
	execl("/proc/self/exe", "target", "--target", NULL);
}

/* Starts a target that executes its program in the caller's user namespace. */
static pid_t target_exec(void)
{
	return target_run(run_exec, NULL);
}

/*
 * In a user namespace its root needs CAP_SYS_PTRACE, to attach to another user of the
 * namespace or to a process that is not dumpable and has executed its program there.  It
 * has no such right outside.
 */
TEST_F_TIMEOUT(uapi_target, user_namespace, MNCK_TIMEOUT)
{
	const struct identity neighbour = {
		.user = { 1, 1, 1 }, .group = { 1, 1, 1 }, .dumpable = 1,
	};
	const struct identity outside = {
		.user = { OTHER, OTHER, OTHER }, .group = { OTHER, OTHER, OTHER }, .dumpable = 1,
	};
	/* These ids are not changed, so the process stays dumpable. */
	const struct identity itself = { .dumpable = -1 }, secret = { .dumpable = 0 };
	pid_t child, pids[4];
	int ready[2], go[2];

	REQUIRE_OPTION(has_user_ns(), "USER_NS");
	ASSERT_EQ(0, pipe2(ready, O_CLOEXEC));
	ASSERT_EQ(0, pipe2(go, O_CLOEXEC));
	self->pid = target_start(&outside);
	ASSERT_LT(0, self->pid);
	child = fork();
	if (!child) {
		ASSERT_EQ(0, become_user(USER));
		/* Else the owner of the files in /proc/PID is root. */
		ASSERT_EQ(0, prctl(PR_SET_DUMPABLE, 1));
		ASSERT_EQ(0, unshare(CLONE_NEWUSER));
		say(ready[1]);
		ASSERT_EQ(0, hear(go[0]));

		pids[0] = target_start(&itself);
		pids[1] = target_start(&neighbour);
		pids[2] = target_exec();
		pids[3] = target_start(&secret);
		for (int i = 0; i < 4; i++) {
			ASSERT_LT(0, pids[i])
				TH_LOG("target %d: %m", i);
		}

		EXPECT_EQ(0, try_attach(self->node, pids[0]));
		EXPECT_EQ(0, try_attach(self->node, pids[1]));
		EXPECT_EQ(0, try_attach(self->node, pids[2]));
		/* It has executed its program outside, as another user might have. */
		EXPECT_EQ(EPERM, try_attach(self->node, pids[3]));
		EXPECT_EQ(EPERM, try_attach(self->node, self->pid));
		say(ready[1]);
		ASSERT_EQ(0, hear(go[0]));

		ASSERT_EQ(0, drop_capability(CAP_SYS_PTRACE));
		EXPECT_EQ(0, try_attach(self->node, pids[0]));
		EXPECT_EQ(EPERM, try_attach(self->node, pids[1]));
		EXPECT_EQ(EPERM, try_attach(self->node, pids[2]));
		EXPECT_EQ(EPERM, try_attach(self->node, pids[3]));
		for (int i = 0; i < 4; i++)
			EXPECT_EQ(0, child_kill(&pids[i]));
		_exit(0);
	}
	ASSERT_LT(0, child);
	close(ready[1]);
	close(go[0]);
	ASSERT_EQ(0, hear(ready[0]));
	ASSERT_EQ(0, map_ids(child));
	say(go[1]);
	ASSERT_EQ(0, hear(ready[0]));
	/* From outside: the namespace's owner has all capabilities in it, another user none. */
	EXPECT_EQ(0, try_as(USER, self->node, child));
	EXPECT_EQ(EPERM, try_as(OTHER, self->node, child));
	EXPECT_EQ(0, try_attach(self->node, child));
	say(go[1]);
	JOIN_CHILD(child);
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--target"))
		exec_main();
	return test_harness_run(argc, argv);
}
