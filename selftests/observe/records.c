// SPDX-License-Identifier: GPL-2.0
/*
 * A user watches a process and its children, and reads records of what mnck finds there.
 *
 * Two victims have the same drivers, and only one of them is watched.
 */
#include <limits.h>
#include <sys/stat.h>

#include "file.h"
#include "kmsg.h"
#include "mnck_harness.h"
#include "observed.h"
#include "privilege.h"
#include "proc.h"
#include "records.h"
#include "victim.h"
#include "violation.h"

#define AREA_SIZE ((size_t)MISTAKES_PAGES * getpagesize())

#define BLOCKABLE (MNCK_RECORD_HAS_RANGE | MNCK_RECORD_BLOCKABLE)

FIXTURE(records)
{
	int fd;
	int watch;
	size_t page;
	struct victim victim;
	struct victim other;
};

FIXTURE_SETUP(records)
{
	self->page = getpagesize();
	self->fd = -1;
	self->watch = -1;
	REQUIRE_TABLES();
	REQUIRE_OPTION(has_fprobe(), "FPROBE");
	INSERT_MISTAKES();
	ASSERT_EQ(0, file_write(TABLES "violations", "clear"));
	ASSERT_EQ(0, victim_start(&self->victim, AREA_SIZE));
	ASSERT_EQ(0, victim_start(&self->other, AREA_SIZE));
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	self->watch = watch_process(self->victim.pid);
	ASSERT_LE(0, self->watch);
}

FIXTURE_TEARDOWN(records)
{
	if (self->watch >= 0)
		EXPECT_EQ(0, close(self->watch));
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	victim_kill(&self->victim);
	victim_kill(&self->other);
	/* Children of the victims end by themselves, and then close their drivers. */
	WAIT_UNTIL(!module_remove(MISTAKES_MODULE) || errno != EWOULDBLOCK);
}

#define UNMAP(_victim, _nr)                                                             \
	ASSERT_EQ(0, victim_do(_victim, VICTIM_MUNMAP, VICTIM_AREA + (_nr) * self->page, \
			       self->page))

/* All that waits to be read is read. */
#define DRAIN(_watch)                                                                   \
	do {                                                                            \
		union record record_;                                                   \
											\
		ASSERT_EQ(0, watch_never_waits(_watch));                                \
		while (!record_read(_watch, &record_))                                  \
			;                                                               \
		ASSERT_EQ(EAGAIN, errno);                                               \
		ASSERT_EQ(0, fcntl(_watch, F_SETFL, 0));                                \
	} while (0)

/*
 * Both victims have the driver, and it is probed before they are watched for it.  A file that
 * is open watches all the time, so that the driver stays probed.
 */
#define HAVE_DRIVER(_line, _function)                                                   \
	do {                                                                            \
		ASSERT_EQ(0, victim_driver(&self->victim, _line));                      \
		ASSERT_EQ(0, victim_driver(&self->other, _line));                       \
		WAIT_UNTIL_PROBED(_function);                                           \
		DRAIN(self->watch);                                                     \
	} while (0)

#define WRONG "refuses_blockable"
#define WRONG_START OF_MISTAKES("refuses_blockable_start")

/* The record of a violation has all that the log says of it. */
TEST_F_TIMEOUT(records, violation, MNCK_TIMEOUT)
{
	struct mnck_record_event e;

	announce_core_warns();
	announce_broken("failure", WRONG_START);
	HAVE_DRIVER(WRONG, WRONG_START);
	EXPECT_FALSE(record_is_ready(self->watch));

	UNMAP(&self->other, 0);
	UNMAP(&self->victim, 1);
	ASSERT_EQ(0, record_find(self->watch, MNCK_RECORD_VIOLATION, MNCK_RULE_FAILURE,
				 WRONG_START, &e));
	EXPECT_EQ(sizeof(e), e.size);
	EXPECT_LT(0, e.time);
	EXPECT_EQ(0, e.lost);
	EXPECT_EQ(self->victim.pid, e.pid);
	EXPECT_EQ(self->victim.pid, e.tid);
	EXPECT_STREQ("records", e.comm);
	EXPECT_EQ(MNCK_EVENT_UNMAP, e.event);
	EXPECT_EQ(BLOCKABLE | MNCK_RECORD_BROKEN, e.flags);
	EXPECT_EQ((__u64)VICTIM_AREA + self->page, e.start);
	EXPECT_EQ((__u64)VICTIM_AREA + 2 * self->page, e.end);
	EXPECT_EQ(0, e.took);
	EXPECT_STREQ("start failed with -11 for a blockable range", e.what);
	EXPECT_EQ(0, strncmp("unmap", e.caller, 5)) TH_LOG("in %s", e.caller);

	/* That of the other victim came first, and is not there. */
	EXPECT_EQ(0, watch_never_waits(self->watch));
	EXPECT_ERRNO(EAGAIN, record_find(self->watch, MNCK_RECORD_VIOLATION, MNCK_RULE_FAILURE,
					 WRONG_START, &e));
	EXPECT_EQ(2, broken("failure", WRONG_START));
}

/* A driver registers a subscription and ends it. */
TEST_F_TIMEOUT(records, registered, MNCK_TIMEOUT)
{
	static const char of_clean[] = OF_MISTAKES("clean_ops");
	static const char of_interval[] = OF_MISTAKES("clean_interval_ops");
	struct mnck_record_event e;

	ASSERT_EQ(0, victim_driver(&self->other, "clean"));
	ASSERT_EQ(0, victim_driver(&self->victim, "clean"));
	ASSERT_EQ(0, record_find(self->watch, MNCK_RECORD_REGISTERED, 0, of_clean, &e));
	EXPECT_EQ(self->victim.pid, e.pid);
	EXPECT_EQ(self->victim.pid, e.tid);
	EXPECT_STREQ("start,end", e.what);
	EXPECT_EQ(0, e.flags);
	EXPECT_NE(NULL, strstr(e.caller, "[" MISTAKES_MODULE "]")) TH_LOG("by %s", e.caller);

	ASSERT_EQ(0, victim_driver(&self->victim, "clean_interval" IN_AREA));
	ASSERT_EQ(0, record_find(self->watch, MNCK_RECORD_REGISTERED, 0, of_interval, &e));
	EXPECT_STREQ("invalidate", e.what);
	EXPECT_EQ(MNCK_RECORD_HAS_RANGE, e.flags);
	EXPECT_EQ((__u64)VICTIM_AREA, e.start);
	EXPECT_EQ((__u64)VICTIM_AREA + AREA_SIZE, e.end);

	ASSERT_EQ(0, victim_driver(&self->victim, "-clean_interval"));
	ASSERT_EQ(0, record_find(self->watch, MNCK_RECORD_UNREGISTERED, 0, of_interval, &e));
	EXPECT_EQ((__u64)VICTIM_AREA, e.start);
	EXPECT_EQ((__u64)VICTIM_AREA + AREA_SIZE, e.end);
	ASSERT_EQ(0, victim_driver(&self->victim, "-clean"));
	ASSERT_EQ(0, record_find(self->watch, MNCK_RECORD_UNREGISTERED, 0, of_clean, &e));
	EXPECT_EQ(self->victim.pid, e.pid);
	EXPECT_NE(NULL, strstr(e.caller, "[" MISTAKES_MODULE "]")) TH_LOG("by %s", e.caller);

	/* Nothing of the other victim. */
	EXPECT_FALSE(record_is_ready(self->watch));
}

/* The list of all subscriptions says which function has registered one. */
TEST_F_TIMEOUT(records, origin, MNCK_TIMEOUT)
{
	const char *row;

	ASSERT_EQ(0, victim_driver(&self->victim, "clean"));
	row = table_row("registered", OF_MISTAKES("clean_ops"));
	ASSERT_NE(NULL, row);
	EXPECT_NE(NULL, strstr(row, " start,end by ")) TH_LOG("%s", row);
	EXPECT_NE(NULL, strstr(row, "[" MISTAKES_MODULE "] ")) TH_LOG("%s", row);
	EXPECT_NE(NULL, strstr(row, " s ago")) TH_LOG("%s", row);
}

/* The children of the process are watched, and what these execute. */
TEST_F_TIMEOUT(records, children, MNCK_TIMEOUT)
{
	static const char of_clean[] = OF_MISTAKES("clean_ops");
	struct mnck_record_event e;
	union record next;

	/* From here on the child of each victim executes its orders. */
	ASSERT_EQ(0, victim_do(&self->other, VICTIM_FORK, NULL, 0));
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_FORK, NULL, 0));
	for (int executed = 0; executed < 2; executed++) {
		ASSERT_EQ(0, victim_driver(&self->other, "clean"));
		ASSERT_EQ(0, victim_driver(&self->victim, "clean"));
		ASSERT_EQ(0, record_find(self->watch, MNCK_RECORD_REGISTERED, 0, of_clean, &e));
		EXPECT_NE(self->victim.pid, e.pid);
		EXPECT_NE(self->other.pid, e.pid);
		EXPECT_EQ(e.tid, e.pid);
		DRAIN(self->watch);
		if (executed)
			break;
		ASSERT_EQ(0, victim_do(&self->other, VICTIM_EXEC, NULL, 0));
		ASSERT_EQ(0, victim_do(&self->victim, VICTIM_EXEC, NULL, 0));
		/* The driver was closed by the exec. */
		DRAIN(self->watch);
	}
	/* What comes next is of the child that is watched. */
	ASSERT_EQ(0, victim_driver(&self->other, "-clean"));
	ASSERT_EQ(0, victim_driver(&self->victim, "clean_interval" IN_AREA));
	ASSERT_EQ(0, record_read(self->watch, &next));
	EXPECT_STREQ(OF_MISTAKES("clean_interval_ops"), next.event.driver);
}

/* A watch of all processes has both victims. */
TEST_F_TIMEOUT(records, all, MNCK_TIMEOUT)
{
	static const char of_clean[] = OF_MISTAKES("clean_ops");
	int all = watch_how(self->fd, (struct mnck_watch){ .flags = MNCK_WATCH_ALL });
	struct mnck_record_event e;

	ASSERT_LE(0, all);
	ASSERT_EQ(0, victim_driver(&self->other, "clean"));
	ASSERT_EQ(0, record_find(all, MNCK_RECORD_REGISTERED, 0, of_clean, &e));
	EXPECT_EQ(self->other.pid, e.pid);
	ASSERT_EQ(0, victim_driver(&self->victim, "clean"));
	ASSERT_EQ(0, record_find(all, MNCK_RECORD_REGISTERED, 0, of_clean, &e));
	EXPECT_EQ(self->victim.pid, e.pid);
	EXPECT_EQ(0, close(all));
}

/* How long the driver "slow" takes, and what two users want to know. */
#define SLOW "slow 50"
/* Far less: a sleep may be a little shorter, and the wait for a CPU does not count. */
#define LIMIT_US 10000
#define SLOW_START OF_MISTAKES("slow_start")

/* A callback that is slow for one user breaks no rule, and the others do not hear of it. */
TEST_F_TIMEOUT(records, slow, MNCK_TIMEOUT)
{
	int kmsg = kmsg_open(O_NONBLOCK);
	struct mnck_record_event e;
	int limited, patient;

	ASSERT_LE(0, kmsg);
	limited = watch_how(self->fd, (struct mnck_watch){
		.pid = self->victim.pid, .latency_limit_us = LIMIT_US });
	patient = watch_how(self->fd, (struct mnck_watch){
		.pid = self->victim.pid, .latency_limit_us = UINT_MAX });
	ASSERT_LE(0, limited);
	ASSERT_LE(0, patient);
	HAVE_DRIVER(SLOW, SLOW_START);
	DRAIN(limited);
	DRAIN(patient);

	UNMAP(&self->other, 0);
	UNMAP(&self->victim, 0);
	ASSERT_EQ(0, record_find(limited, MNCK_RECORD_VIOLATION, MNCK_RULE_LATENCY, SLOW_START,
				 &e));
	EXPECT_EQ(self->victim.pid, e.pid);
	EXPECT_EQ(BLOCKABLE, e.flags);
	EXPECT_LE(LIMIT_US * 1000ULL, e.took);
	EXPECT_EQ(0, strncmp("start took ", e.what, 11)) TH_LOG("%s", e.what);

	EXPECT_FALSE(record_is_ready(limited));
	EXPECT_FALSE(record_is_ready(patient));
	EXPECT_FALSE(record_is_ready(self->watch));
	EXPECT_EQ(0, broken("latency", SLOW_START));
	EXPECT_NO_LINE(kmsg);
	EXPECT_EQ(0, close(limited));
	EXPECT_EQ(0, close(patient));
	EXPECT_EQ(0, close(kmsg));
}

#define CLEAN_START OF_MISTAKES("clean_start")

/* The summary counts the calls for the processes that are watched, and what was not seen. */
TEST_F_TIMEOUT(records, summary, MNCK_TIMEOUT)
{
	struct mnck_record_callback c;
	struct mnck_record_unseen unseen;
	__u64 sum = 0;
	int late;

	HAVE_DRIVER("clean", CLEAN_START);
	UNMAP(&self->other, 0);
	for (int i = 0; i < 3; i++)
		UNMAP(&self->victim, i);
	late = watch_process(self->victim.pid);
	ASSERT_LE(0, late);
	UNMAP(&self->victim, 3);

	ASSERT_EQ(0, summary_read(self->watch, CLEAN_START, &c, &unseen));
	EXPECT_EQ(sizeof(c), c.size);
	EXPECT_STREQ("start", c.callback);
	EXPECT_EQ(4, c.calls);
	EXPECT_EQ(0, c.refusals);
	EXPECT_EQ(0, c.missed);
	for (int i = 0; i < MNCK_HISTOGRAM; i++) {
		sum += c.histogram[i];
		/* No call took longer than the longest. */
		EXPECT_TRUE(!c.histogram[i] || c.longest >> i);
	}
	EXPECT_EQ(4, sum);
	EXPECT_TRUE(saw_all(&unseen));
	EXPECT_FALSE(record_is_ready(self->watch));

	ASSERT_EQ(0, summary_read(late, CLEAN_START, &c, &unseen));
	EXPECT_EQ(1, c.calls);
	/* As often as a user likes. */
	ASSERT_EQ(0, summary_read(self->watch, OF_MISTAKES("clean_end"), &c, &unseen));
	EXPECT_EQ(4, c.calls);
	EXPECT_STREQ("end", c.callback);
	EXPECT_EQ(0, close(late));

	/* The next watch begins at 0, though it gets the same memory. */
	late = watch_process(self->other.pid);
	ASSERT_LE(0, late);
	ASSERT_EQ(0, summary_read(late, CLEAN_START, &c, &unseen));
	EXPECT_EQ(0, c.calls);
	EXPECT_EQ(0, c.longest);
	EXPECT_EQ(0, close(late));
}

/* Twice this is more than a file keeps. */
#define MANY 150

/* Records that are not read in time are counted. */
TEST_F_TIMEOUT(records, lost, MNCK_TIMEOUT)
{
	static const char of_clean[] = OF_MISTAKES("clean_ops");
	int reader = watch_process(self->victim.pid);
	struct mnck_record_callback c;
	struct mnck_record_unseen unseen;
	struct mnck_record_event e;
	unsigned int kept = 0;
	union record record;

	/* What this file has read, the other has got too. */
	ASSERT_LE(0, reader);
	for (int i = 0; i < MANY; i++) {
		ASSERT_EQ(0, victim_driver(&self->victim, "clean"));
		ASSERT_EQ(0, record_find(reader, MNCK_RECORD_REGISTERED, 0, of_clean, &e));
		ASSERT_EQ(0, victim_driver(&self->victim, "-clean"));
		ASSERT_EQ(0, record_find(reader, MNCK_RECORD_UNREGISTERED, 0, of_clean, &e));
		ASSERT_EQ(0, e.lost);
	}
	ASSERT_EQ(0, watch_never_waits(self->watch));
	for (; !record_read(self->watch, &record); kept++)
		EXPECT_EQ(0, record.event.lost);
	EXPECT_EQ(EAGAIN, errno);

	ASSERT_EQ(0, fcntl(self->watch, F_SETFL, 0));
	ASSERT_EQ(0, victim_driver(&self->victim, "clean"));
	ASSERT_EQ(0, record_find(self->watch, MNCK_RECORD_REGISTERED, 0, of_clean, &e));
	EXPECT_LT(0, e.lost);
	EXPECT_EQ(2 * MANY, kept + e.lost);
	ASSERT_EQ(0, summary_read(self->watch, CLEAN_START, &c, &unseen));
	EXPECT_EQ(e.lost, unseen.records);
	EXPECT_FALSE(saw_all(&unseen));
	ASSERT_EQ(0, summary_read(reader, CLEAN_START, &c, &unseen));
	EXPECT_TRUE(saw_all(&unseen));
	EXPECT_EQ(0, close(reader));
}

/* A task that waits for a record gets it, or ends at a signal. */
TEST_F_TIMEOUT(records, waits, MNCK_TIMEOUT)
{
	union record record;
	char small[MNCK_RECORD_MAX - 1];
	pid_t reader;

	EXPECT_ERRNO(EINVAL, read(self->watch, small, sizeof(small)));
	EXPECT_ERRNO(ENOTTY, ioctl(self->watch, MNCK_STATS, &record));
	EXPECT_ERRNO(EBADF, write(self->watch, "clear", 5));
	ASSERT_EQ(0, watch_never_waits(self->watch));
	EXPECT_ERRNO(EAGAIN, record_read(self->watch, &record));
	ASSERT_EQ(0, fcntl(self->watch, F_SETFL, 0));

	for (int killed = 0; killed < 2; killed++) {
		int status;

		reader = fork();
		ASSERT_LE(0, reader);
		if (!reader)
			_exit(record_read(self->watch, &record) ? errno :
			      record.type != MNCK_RECORD_REGISTERED);
		WAIT_UNTIL(proc_sleeps_in(reader, reader, "read"));
		ASSERT_EQ(0, killed ? kill(reader, SIGTERM) :
				      victim_driver(&self->victim, "clean"));
		ASSERT_EQ(reader, waitpid(reader, &status, 0));
		EXPECT_EQ(killed ? SIGTERM : 0, status);
	}
	/* A bad address: the record is lost. */
	ASSERT_EQ(0, victim_driver(&self->victim, "-clean"));
	WAIT_UNTIL(record_is_ready(self->watch));
	EXPECT_ERRNO(EFAULT, read(self->watch, (void *)1, sizeof(record)));
	EXPECT_FALSE(record_is_ready(self->watch));
}

/* Each file observes while it is open, whatever the parameter says. */
TEST_F_TIMEOUT(records, held, MNCK_TIMEOUT)
{
	int second;

	EXPECT_FALSE(table_has("drivers", "off: "));
	ASSERT_EQ(0, mnck_set_parameter("watch", 1));
	ASSERT_EQ(0, mnck_set_parameter("watch", 0));
	EXPECT_FALSE(table_has("drivers", "off: "));

	second = watch_process(self->other.pid);
	ASSERT_LE(0, second);
	ASSERT_EQ(0, close(self->watch));
	self->watch = -1;
	EXPECT_FALSE(table_has("drivers", "off: "));
	EXPECT_ERRNO(EWOULDBLOCK, mnck_remove());
	ASSERT_EQ(0, mnck_set_parameter("watch", 1));
	ASSERT_EQ(0, close(second));
	EXPECT_FALSE(table_has("drivers", "off: "));
	ASSERT_EQ(0, mnck_set_parameter("watch", 0));
	EXPECT_TRUE(table_has("drivers", "off: "));
}

#define SHELL "/bin/busybox"

/*
 * Runs a shell as a user that may execute it and not read it, and so may not trace it.  It has
 * the driver "clean" by @device.  Returns its pid when it waits for a signal to go on.
 */
static pid_t start_secret(int device)
{
	pid_t child = fork();
	int status;

	if (!child) {
		if (dup2(device, 9) != 9 || become_user(NOBODY) || raise(SIGSTOP))
			_exit(1);
		execl(SHELL, "sh", "-c", "echo clean >&9", NULL);
		_exit(1);
	}
	return child > 0 && waitpid(child, &status, WUNTRACED) == child &&
	       WIFSTOPPED(status) ? child : -1;
}

/* A program that a user may not trace is watched only for one with CAP_SYS_ADMIN. */
TEST_F_TIMEOUT(records, secret, MNCK_TIMEOUT)
{
	static const char of_clean[] = OF_MISTAKES("clean_ops");
	int all = watch_how(self->fd, (struct mnck_watch){ .flags = MNCK_WATCH_ALL });
	int device = open(MISTAKES_DEVICE, O_RDWR | O_CLOEXEC);
	struct mnck_record_callback callback;
	struct mnck_record_unseen unseen;
	struct mnck_record_event e;
	pid_t child;
	int watch;

	if (access(SHELL, X_OK))
		SKIP(return, "no " SHELL);
	ASSERT_LE(0, all);
	ASSERT_LE(0, device);
	ASSERT_EQ(0, chmod(SHELL, 0711));
	for (int admin = 1; admin >= 0; admin--) {
		if (!admin) {
			ASSERT_EQ(0, close(self->fd));
			ASSERT_EQ(0, drop_capability(CAP_SYS_ADMIN));
			self->fd = mnck_open();
			ASSERT_LE(0, self->fd);
		}
		child = start_secret(device);
		ASSERT_LE(0, child);
		watch = watch_how(self->fd, (struct mnck_watch){ .pid = child });
		EXPECT_LE(0, watch);
		ASSERT_EQ(0, kill(child, SIGCONT));
		ASSERT_EQ(0, record_find(all, MNCK_RECORD_REGISTERED, 0, of_clean, &e));
		EXPECT_EQ(child, e.tid);
		/* One after the other is told of. */
		ASSERT_EQ(0, victim_driver(&self->other, "clean"));
		ASSERT_EQ(0, record_find(all, MNCK_RECORD_REGISTERED, 0, of_clean, &e));
		EXPECT_EQ(self->other.pid, e.pid);
		EXPECT_EQ(admin, record_is_ready(watch));
		EXPECT_EQ(child, waitpid(child, NULL, 0));
		/* The file says so if it has not watched the program. */
		ASSERT_EQ(0, summary_read(watch, of_clean, &callback, &unseen));
		EXPECT_EQ(!admin, unseen.processes);
		EXPECT_EQ(0, close(watch));
	}
	EXPECT_EQ(0, chmod(SHELL, 0755));
	EXPECT_EQ(0, close(device));
	EXPECT_EQ(0, close(all));
}

/* What can be watched, by whom, and how often. */
TEST_F_TIMEOUT(records, refused, MNCK_TIMEOUT)
{
	int watches[MNCK_WATCHES];
	struct mnck_watch unknown = { .flags = 1 << 1 };
	struct mnck_watch reserved = { .reserved = 1 };
	struct mnck_watch all_of_one = { .flags = MNCK_WATCH_ALL, .pid = getpid() };
	struct mnck_watch kthreadd = { .pid = 2 };
	struct mnck_watch nothing = { .pid = INT_MAX };
	struct mnck_watch own = {};

	EXPECT_ERRNO(EINVAL, watch_how(self->fd, unknown));
	EXPECT_ERRNO(EINVAL, watch_how(self->fd, reserved));
	EXPECT_ERRNO(EINVAL, watch_how(self->fd, all_of_one));
	EXPECT_ERRNO(EINVAL, watch_how(self->fd, kthreadd));
	EXPECT_ERRNO(ESRCH, watch_how(self->fd, nothing));

	/* One is open. */
	for (int i = 1; i < MNCK_WATCHES; i++) {
		watches[i] = watch_how(self->fd, own);
		ASSERT_LE(0, watches[i]);
		EXPECT_EQ(FD_CLOEXEC, fcntl(watches[i], F_GETFD));
	}
	EXPECT_ERRNO(ENOSPC, watch_how(self->fd, own));
	for (int i = 1; i < MNCK_WATCHES; i++)
		EXPECT_EQ(0, close(watches[i]));
	watches[0] = watch_how(self->fd, own);
	EXPECT_LE(0, watches[0]);
	EXPECT_EQ(0, close(watches[0]));

	/* The opener's rights count, as they were. */
	ASSERT_EQ(0, close(self->fd));
	ASSERT_EQ(0, drop_capability(CAP_SYS_ADMIN));
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	all_of_one.pid = 0;
	EXPECT_ERRNO(EPERM, watch_how(self->fd, all_of_one));
}

int main(int argc, char **argv)
{
	victim_exec_main(argc, argv);
	return test_harness_run(argc, argv);
}
