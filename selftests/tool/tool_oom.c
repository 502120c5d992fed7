// SPDX-License-Identifier: GPL-2.0
/*
 * A user reaps a program, and reads what the drivers did in that.
 *
 * The program says itself when it has a driver, and it stops in its exit, where it is reaped.  So
 * no test depends on timing.  An anonymous page that is left would be seen: a reaped program has
 * none.
 */
#include "file.h"
#include "mnck_harness.h"
#include "observed.h"
#include "option.h"
#include "tool.h"
#include "violation.h"

#define REFUSES OF_MISTAKES("refusing_start")
#define SLEEPS OF_MISTAKES("sleeping_start")
#define SLEEPING_END OF_MISTAKES("sleeping_end")
#define CLEAN_END OF_MISTAKES("clean_end")

#define OOM "mnck oom --ready-fd 3 --json /tmp/json "

/* The line about the memory. */
#define BY_MRELEASE "mnck: process_mrelease(2) freed "
#define BY_REAPER "mnck: the kernel's oom_reaper freed "
#define KIB "* KiB of * KiB of anonymous memory"
#define NONE "0 KiB of * KiB of anonymous memory"

#define CLEAN_TABLE                                                                 \
	"",                                                                         \
	"CALLBACK CALLS REFUSED P50 P99 MAX",                                       \
	"clean_* [notifier_mistakes] * 0 *s *s *s",                                 \
	"clean_* [notifier_mistakes] * 0 *s *s *s"
#define TABLE_OF(...)                                                               \
	"",                                                                         \
	"CALLBACK CALLS REFUSED P50 P99 MAX",                                       \
	__VA_ARGS__
#define ALL_SEEN "", "mnck: nothing was missed"

/* What the report for programs says last: all was freed, or nothing. */
#define EXPECT_LEFT(_left)                                                          \
	EXPECT_PRINTS(0,                                                            \
		      "b=$(sed -n 's/.*\"anonymous_before_bytes\": //p' /tmp/json);"     \
		      "a=$(sed -n 's/.*\"anonymous_after_bytes\": //p' /tmp/json);"      \
		      "rm /tmp/json;"                                                      \
		      "case $a in '') echo no report;; 0,) echo none;;"                    \
		      " $b) echo all;; *) echo $b $a;; esac",                             \
		      _left)

FIXTURE(tool_oom)
{
	int driver;
};

FIXTURE_SETUP(tool_oom)
{
	self->driver = -1;
	WATCH_MISTAKES();
}

FIXTURE_TEARDOWN(tool_oom)
{
	/* A cgroup that is left would be seen here. */
	if (has_memcg())
		EXPECT_NE(0, system("ls -d /sys/fs/cgroup/mnck-* 2> /dev/null"));
	if (self->driver >= 0)
		EXPECT_EQ(0, close(self->driver));
	UNWATCH_MISTAKES();
}

/* A driver that breaks no rule, and does not refuse. */
TEST_F_TIMEOUT(tool_oom, clean, MNCK_TIMEOUT)
{
	HAVE_OWN_DRIVER("clean", CLEAN_END);
	EXPECT_PRINTS(0, OOM "-- tool_client -p clean",
		      "",
		      "mnck: the memory was freed, and no driver broke a rule",
		      "",
		      BY_MRELEASE KIB,
		      CLEAN_TABLE,
		      ALL_SEEN);
	EXPECT_PRINTS(0, "grep -E '\"(mnck|command|by|outcome|tries)\"' /tmp/json",
		      " \"by\": \"process_mrelease\",",
		      " \"command\": \"oom\",",
		      " \"mnck\": 1,",
		      " \"outcome\": \"freed\",",
		      " \"tries\": 1,");
	EXPECT_LEFT("none");
}

/* A driver that refuses: the memory is not freed, but that breaks no rule. */
TEST_F_TIMEOUT(tool_oom, refusing, MNCK_TIMEOUT)
{
	HAVE_OWN_DRIVER("refusing", REFUSES);
	EXPECT_PRINTS(0, OOM "-- tool_client -p refusing",
		      "",
		      "mnck: memory was not freed, since a driver refused, which breaks no rule",
		      "",
		      " refused: " REFUSES " (* of * calls)",
		      "",
		      BY_MRELEASE NONE " in 10 tries",
		      TABLE_OF(REFUSES " * *s *s *s"),
		      ALL_SEEN);
	EXPECT_LEFT("all");
}

/* Drivers that break a rule.  The callback that does comes first. */
TEST_F_TIMEOUT(tool_oom, sleeping, MNCK_TIMEOUT)
{
	announce_broken("non-block", SLEEPS);
	announce_sleep_bug(BUG_SCHEDULING);
	HAVE_OWN_DRIVER("sleeping_start", CLEAN_END);
	EXPECT_PRINTS(TOOL_BROKEN, OOM "-- tool_client -p sleeping_start",
		      "",
		      "mnck: a rule was broken in the reaping",
		      "",
		      " non-block: " SLEEPS " (* times)",
		      " start slept 1 time: CLEAR 0x*-0x* non-blockable, in zap_vma_for_reaping*, "
		      "mnck[*]",
		      "",
		      BY_MRELEASE KIB,
		      TABLE_OF("* [notifier_mistakes] * 0 *s *s *s",
			       "* [notifier_mistakes] * 0 *s *s *s"),
		      ALL_SEEN);
	EXPECT_LEFT("none");
}

/* All threads are held, also if the first one has exited long before. */
TEST_F_TIMEOUT(tool_oom, threads, MNCK_TIMEOUT)
{
	HAVE_OWN_DRIVER("clean", CLEAN_END);
	EXPECT_PRINTS(0, OOM "-- tool_client -t 8 -p clean",
		      "",
		      "mnck: the memory was freed, and no driver broke a rule",
		      "",
		      BY_MRELEASE KIB,
		      CLEAN_TABLE,
		      ALL_SEEN);
	EXPECT_LEFT("none");
	EXPECT_PRINTS(0, OOM "-- tool_client -t 8 -x -p clean",
		      "",
		      "mnck: the memory was freed, and no driver broke a rule",
		      "",
		      BY_MRELEASE KIB,
		      CLEAN_TABLE,
		      ALL_SEEN);
	EXPECT_LEFT("none");
}

/* The kernel's own OOM killer and its thread. */
TEST_F_TIMEOUT(tool_oom, reaper, MNCK_TIMEOUT)
{
	REQUIRE_OPTION(has_memcg(), "MEMCG");
	HAVE_OWN_DRIVER("clean", CLEAN_END);
	EXPECT_PRINTS(0, OOM "--reaper -- tool_client -p clean",
		      "",
		      "mnck: the memory was freed, and no driver broke a rule",
		      "",
		      BY_REAPER KIB,
		      CLEAN_TABLE,
		      ALL_SEEN);
	EXPECT_LEFT("none");
}

TEST_F_TIMEOUT(tool_oom, reaper_gives_up, MNCK_TIMEOUT)
{
	REQUIRE_OPTION(has_memcg(), "MEMCG");
	HAVE_OWN_DRIVER("refusing", REFUSES);
	EXPECT_PRINTS(0, OOM "--reaper -- tool_client -t 3 -p refusing",
		      "",
		      "mnck: memory was not freed, since a driver refused, which breaks no rule",
		      "",
		      " refused: " REFUSES " (* of * calls)",
		      "",
		      BY_REAPER NONE,
		      TABLE_OF(REFUSES " * *s *s *s"),
		      ALL_SEEN);
	EXPECT_LEFT("all");
}

TEST_F_TIMEOUT(tool_oom, reaper_sleeps, MNCK_TIMEOUT)
{
	REQUIRE_OPTION(has_memcg(), "MEMCG");
	announce_broken("non-block", SLEEPING_END);
	announce_sleep_bug(BUG_SCHEDULING);
	HAVE_OWN_DRIVER("sleeping_end", SLEEPING_END);
	EXPECT_PRINTS(TOOL_BROKEN, OOM "--reaper -- tool_client -p sleeping_end",
		      "",
		      "mnck: a rule was broken in the reaping",
		      "",
		      " non-block: " SLEEPING_END " (* times)",
		      " end slept 1 time: CLEAR 0x*-0x* non-blockable, in zap_vma_for_reaping*, "
		      "oom_reaper[*]",
		      "",
		      BY_REAPER KIB,
		      TABLE_OF("* [notifier_mistakes] * 0 *s *s *s",
			       "* [notifier_mistakes] * 0 *s *s *s"),
		      ALL_SEEN);
	EXPECT_LEFT("none");
}

/* Programs that end too early, and programs that can't be run. */
TEST_F_TIMEOUT(tool_oom, ends, MNCK_TIMEOUT)
{
	EXPECT_PRINTS(TOOL_FAILED, "mnck oom --after 1h -- tool_client -s 3 clean",
		      "the client is done",
		      "mnck: the program exited with status 3 before its memory could be taken: "
		      "choose an earlier moment, with --after or --ready-fd");
	EXPECT_PRINTS(TOOL_FAILED, OOM "-- sh -c 'kill -KILL $$'",
		      "mnck: the program was killed by signal 9 before its memory could be taken");
	EXPECT_PRINTS(127, "mnck oom -- no_such_program",
		      "mnck: no_such_program: No such file or directory (os error 2)");
	EXPECT_PRINTS(126, "mnck oom -- /tmp", "mnck: /tmp: Permission denied (os error 13)");
	EXPECT_PRINTS(TOOL_FAILED, "mnck oom --json /no/such -- true",
		      "mnck: cannot write /no/such: No such file or directory (os error 2)");
}

/* A program without a notifier; the one that it starts has one, and is not reaped. */
TEST_F_TIMEOUT(tool_oom, idle, MNCK_TIMEOUT)
{
	EXPECT_PRINTS(0, "mnck oom --after 1ms -- sleep 1000",
		      "",
		      "mnck: the memory was freed, and no driver was called",
		      "",
		      BY_MRELEASE KIB,
		      " sleep itself has no notifier; the programs that it has started are not reaped, and "
		      "still run",
		      ALL_SEEN);
}

/*
 * The user ends the command: the program is killed.  If it were not, it would have the output open
 * for ever.
 */
TEST_F_TIMEOUT(tool_oom, interrupted, MNCK_TIMEOUT)
{
	EXPECT_PRINTS(130, "mnck oom --after 1h -- sh -c 'kill -INT $PPID; exec sleep 1000'",
		      "mnck: interrupted before the memory was taken; the program is killed");
	EXPECT_PRINTS(143, "mnck oom --after 1h -- sh -c 'kill -TERM $PPID; exec sleep 1000'",
		      "mnck: interrupted before the memory was taken; the program is killed");
}

/* A machine without the cgroup that --reaper needs, or with one that would panic. */
TEST_F_TIMEOUT(tool_oom, no_reaper, MNCK_TIMEOUT)
{
	REQUIRE_OPTION(has_memcg(), "MEMCG");
	ASSERT_EQ(0, system("echo 2 > /proc/sys/vm/panic_on_oom"));
	EXPECT_PRINTS(TOOL_FAILED, "mnck oom --reaper -- true",
		      "mnck: the kernel would panic, since vm.panic_on_oom is 2: leave --reaper out");
	ASSERT_EQ(0, system("echo 0 > /proc/sys/vm/panic_on_oom"));
	EXPECT_PRINTS(TOOL_FAILED,
		      "unshare -m sh -c 'umount -l /sys/fs/cgroup; mnck oom --reaper -- true'",
		      "mnck: --reaper needs the memory controller of cgroup v2 at /sys/fs/cgroup, "
		      "which this machine does not have: leave --reaper out");
}

TEST_HARNESS_MAIN
