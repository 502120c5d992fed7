// SPDX-License-Identifier: GPL-2.0
/*
 * A user runs programs under the tool, and reads its reports.
 *
 * A driver is probed before a program uses it: the test itself has a subscription of it, and has
 * mnck watch all the time.
 */
#include "child.h"
#include "file.h"
#include "mnck_harness.h"
#include "observed.h"
#include "privilege.h"
#include "tool.h"
#include "violation.h"

#define REFUSES OF_MISTAKES("refuses_blockable_start")
#define CLEAN_START OF_MISTAKES("clean_start")
#define CLEAN_END OF_MISTAKES("clean_end")

#define HEADING "CALLBACK CALLS REFUSED P50 P99 MAX"
#define ALL_SEEN "", "mnck: nothing was missed"

FIXTURE(tool_run)
{
	int driver;
};

FIXTURE_SETUP(tool_run)
{
	self->driver = -1;
	WATCH_MISTAKES();
}

FIXTURE_TEARDOWN(tool_run)
{
	if (self->driver >= 0)
		EXPECT_EQ(0, close(self->driver));
	UNWATCH_MISTAKES();
}

/* A driver that breaks no rule: the exit status is that of the program. */
TEST_F_TIMEOUT(tool_run, clean, MNCK_TIMEOUT)
{
	HAVE_OWN_DRIVER("clean", CLEAN_END);
	EXPECT_PRINTS(0, "mnck run -- tool_client clean",
		      "the client is done",
		      "",
		      "mnck: no driver broke a rule",
		      "",
		      HEADING,
		      "clean_* [notifier_mistakes] * 0 *s *s *s",
		      "clean_* [notifier_mistakes] * 0 *s *s *s",
		      ALL_SEEN);
	EXPECT_PRINTS(5, "mnck run --strict -- tool_client -s 5 clean > /dev/null",
		      "",
		      "mnck: no driver broke a rule",
		      "*", "*", "*", "*",
		      ALL_SEEN);
}

/* A driver that breaks a rule: it comes first, and the exit status says so. */
TEST_F_TIMEOUT(tool_run, broken, MNCK_TIMEOUT)
{
	announce_core_warns();
	announce_broken("failure", REFUSES);
	HAVE_OWN_DRIVER("refuses_blockable", REFUSES);
	EXPECT_PRINTS(TOOL_BROKEN, "mnck run -- tool_client refuses_blockable",
		      "the client is done",
		      "",
		      "mnck: a rule was broken",
		      "",
		      " failure: " REFUSES "*",
		      " start failed with -11 for a blockable range: * 0x*-0x* blockable, in *, "
		      "tool_client[*]",
		      "",
		      HEADING,
		      REFUSES " * *s *s *s",
		      ALL_SEEN);
	EXPECT_PRINTS(7, "mnck run --error-exitcode 7 -- tool_client refuses_blockable "
			 "> /dev/null 2> /dev/null");
}

/* A range that the program leaves without an end is found when it has exited. */
TEST_F_TIMEOUT(tool_run, leak, MNCK_TIMEOUT)
{
	static const char *const fixed[] = { "all ranges have an end", NULL };
	static const char *const leaked[] = {
		"mnck: a rule was broken",
		"",
		" pairing: core",
		" range without an end: PROTECTION_VMA 0x0-0x*",
		NULL
	};
	static struct tool_output output;

	HAVE_OWN_DRIVER("clean", CLEAN_END);
	ASSERT_EQ(0, tool_run("mnck run -- tool_client -z clean", &output));
	if (!output.status) {
		EXPECT_TRUE(tool_has_lines(output.text, fixed));
		return;	/* This kernel has no such bug. */
	}
	announce_broken("pairing", "core");
	EXPECT_EQ(TOOL_BROKEN, output.status);
	EXPECT_TRUE(tool_has_lines(output.text, leaked));
}

/* What the program forks and executes is watched, too. */
TEST_F_TIMEOUT(tool_run, forked, MNCK_TIMEOUT)
{
	announce_core_warns();
	announce_broken("failure", REFUSES);
	HAVE_OWN_DRIVER("refuses_blockable", REFUSES);
	EXPECT_PRINTS(TOOL_BROKEN,
		      "mnck run -- sh -c '(tool_client refuses_blockable); exit 3' 2> /dev/null",
		      "the client is done");
}

/* Other processes are watched only if the user asks for that. */
TEST_F_TIMEOUT(tool_run, all, MNCK_TIMEOUT)
{
	announce_core_warns();
	announce_broken("failure", REFUSES);
	HAVE_OWN_DRIVER("refuses_blockable", REFUSES);
	/* The program tells another, which is not its child, to go on, and waits for its end. */
	ASSERT_EQ(0, system("mkfifo /tmp/go /tmp/gone"));
	for (int all = 0; all < 2; all++) {
		ASSERT_EQ(0, system("{ read x < /tmp/go; tool_client refuses_blockable; echo > /tmp/gone; }"
				    " > /dev/null &"));
		if (all)
			EXPECT_PRINTS(TOOL_BROKEN,
				      "mnck run --all -- sh -c 'echo > /tmp/go; read x < /tmp/gone' "
				      "2> /dev/null");
		else
			EXPECT_PRINTS(0, "mnck run -- sh -c 'echo > /tmp/go; read x < /tmp/gone'",
				      "",
				      "mnck: no driver was called for this program",
				      ALL_SEEN);
	}
	ASSERT_EQ(0, system("rm /tmp/go /tmp/gone"));
}

/* A slow callback breaks no rule: this one sleeps where it may. */
TEST_F_TIMEOUT(tool_run, slow, MNCK_TIMEOUT)
{
	HAVE_OWN_DRIVER("sleeping_start", CLEAN_END);
	EXPECT_PRINTS(0, "mnck run --slow 100us -- tool_client sleeping_start > /dev/null 2> /tmp/report; "
			 "code=$?; head -n 8 /tmp/report; rm /tmp/report; exit $code",
		      "",
		      "mnck: no driver broke a rule",
		      "",
		      "Slow callbacks, which break no rule:",
		      "",
		      " latency: " OF_MISTAKES("sleeping_start") "*",
		      " start took * UNMAP *, in unmap*, tool_client[*]",
		      "*");
}

/* The program's own end, and programs that can't be run. */
TEST_F_TIMEOUT(tool_run, ends, MNCK_TIMEOUT)
{
	EXPECT_PRINTS(137, "mnck run -- sh -c 'kill -KILL $$'",
		      "",
		      "mnck: sh was killed by signal 9",
		      "mnck: no driver was called for this program",
		      ALL_SEEN);
	EXPECT_PRINTS(127, "mnck run -- no_such_program",
		      "mnck: no_such_program: No such file or directory (os error 2)");
	EXPECT_PRINTS(126, "mnck run -- /tmp", "mnck: /tmp: Permission denied (os error 13)");
	/* A signal is passed on, and the report comes nevertheless. */
	EXPECT_PRINTS(143, "mnck run -- sh -c 'kill -TERM $PPID; sleep 1000'",
		      "",
		      "mnck: sh was killed by signal 15",
		      "mnck: no driver was called for this program",
		      ALL_SEEN);
	EXPECT_PRINTS(0, "echo in | mnck run -- cat 2> /dev/null", "in");
}

/* A reader that has enough changes neither the status nor the files. */
TEST_F_TIMEOUT(tool_run, closed, MNCK_TIMEOUT)
{
	announce_core_warns();
	announce_broken("failure", REFUSES);
	HAVE_OWN_DRIVER("refuses_blockable", REFUSES);
	EXPECT_PRINTS(0, "mkfifo /tmp/report; true < /tmp/report & "
			 "{ wait; mnck run --ktap /tmp/ktap -- tool_client refuses_blockable; echo $? > /tmp/code; }"
			 " 2> /tmp/report > /dev/null; cat /tmp/code; tail -n 1 /tmp/ktap; "
			 "rm /tmp/report /tmp/code /tmp/ktap",
		      "99",
		      "ok 12 lock-order *");
}

/* Reports for programs. */
TEST_F_TIMEOUT(tool_run, reports, MNCK_TIMEOUT)
{
	announce_core_warns();
	announce_broken("failure", REFUSES);
	HAVE_OWN_DRIVER("refuses_blockable", REFUSES);
	EXPECT_PRINTS(TOOL_BROKEN,
		      "mnck run --json /tmp/json --junit /tmp/junit --ktap /tmp/ktap -- "
		      "tool_client refuses_blockable 2> /dev/null",
		      "the client is done");
	EXPECT_PRINTS(0, "cat /tmp/ktap",
		      "KTAP version 1",
		      "1..12",
		      "ok 1 pairing",
		      "# failure: " REFUSES ": start failed with -11 * (* time*)",
		      "not ok 2 failure",
		      "ok 3 failing-end",
		      "ok 4 non-block",
		      "ok 5 sequence",
		      "ok 6 lifetime",
		      "ok 7 latency",
		      "ok 8 stall",
		      "ok 9 finish",
		      "ok 10 range",
		      "ok 11 reclaim # SKIP the module has probes=0",
		      "ok 12 lock-order # SKIP lockdep reports it in the kernel's log");
	EXPECT_PRINTS(0, "grep -c '<testcase ' /tmp/junit; grep -c '<failure ' /tmp/junit", "12", "1");
	EXPECT_PRINTS(0, "grep -E '\"(mnck|command|status)\"' /tmp/json",
		      " \"command\": \"run\",",
		      " \"status\": 0",
		      " \"mnck\": 1,");
	/* A disk that is full. */
	EXPECT_PRINTS(TOOL_FAILED, "mnck run --json /dev/full -- true 2> /dev/null");
	EXPECT_PRINTS(0, "mnck run --json /dev/full -- true 2>&1 | tail -n 1",
		      "mnck: cannot write /dev/full: No space left on device (os error 28)");
	EXPECT_PRINTS(TOOL_FAILED, "mnck run --json /no/such -- true",
		      "mnck: cannot write /no/such: No such file or directory (os error 2)");
	ASSERT_EQ(0, system("rm /tmp/json /tmp/junit /tmp/ktap"));
}

/* A user without privileges. */
TEST_F_TIMEOUT(tool_run, unprivileged, MNCK_TIMEOUT)
{
	static const char run[] = "mnck run -- true 2> /tmp/of_user; test $? -eq 2";
	pid_t child;

	ASSERT_IN_CHILD(child, become_user(NOBODY) || system(run));
	EXPECT_PRINTS(0, "cat /tmp/of_user; rm /tmp/of_user",
		      "mnck: /dev/mnck may not be opened: run this as root");
}

TEST_HARNESS_MAIN
