// SPDX-License-Identifier: GPL-2.0
/*
 * A user watches a process, or all, and reads the lines as they come.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "file.h"
#include "mnck_harness.h"
#include "observed.h"
#include "tool.h"
#include "victim.h"
#include "violation.h"

#define AREA_SIZE ((size_t)MISTAKES_PAGES * getpagesize())
#define REFUSES OF_MISTAKES("refuses_blockable_start")

FIXTURE(tool_watch)
{
	struct victim victim;
	pid_t tool;
	FILE *lines;
};

/* Runs "mnck watch" with these further words. */
static int watch(pid_t *tool, FILE **lines, char *const *words)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return -1;
	*tool = fork();
	if (*tool < 0)
		return -1;
	if (!*tool) {
		dup2(fds[1], STDOUT_FILENO);
		dup2(fds[1], STDERR_FILENO);
		execvp("mnck", words);
		_exit(127);
	}
	close(fds[1]);
	*lines = fdopen(fds[0], "r");
	return *lines ? 0 : -1;
}

/* Reads lines until one is like the pattern; that before the end is fatal. */
#define READ_LINE(_pattern)                                                         \
	do {                                                                        \
		static const char *const pattern_[] = { _pattern, NULL };           \
		char line_[1024];                                                   \
											\
		ASSERT_NE(NULL, fgets(line_, sizeof(line_), self->lines));          \
		ASSERT_TRUE(tool_lines(line_, pattern_));                           \
	} while (0)

#define WATCH(...)                                                                  \
	do {                                                                        \
		char *words_[] = { "mnck", "watch", __VA_ARGS__, NULL };            \
											\
		ASSERT_EQ(0, watch(&self->tool, &self->lines, words_));             \
	} while (0)

/* The tool ends with this status, and has printed nothing more. */
#define JOIN_TOOL(_status)                                                          \
	do {                                                                        \
		char line_[1024];                                                   \
		int status_;                                                        \
											\
		EXPECT_EQ(NULL, fgets(line_, sizeof(line_), self->lines))           \
			TH_LOG("%s", line_);                                        \
		ASSERT_EQ(self->tool, waitpid(self->tool, &status_, 0));            \
		EXPECT_EQ(_status, status_);                                        \
		self->tool = 0;                                                     \
		fclose(self->lines);                                                \
		self->lines = NULL;                                                 \
	} while (0)

FIXTURE_SETUP(tool_watch)
{
	WATCH_MISTAKES();
	ASSERT_EQ(0, victim_start(&self->victim, AREA_SIZE));
}

FIXTURE_TEARDOWN(tool_watch)
{
	if (self->tool > 0) {
		kill(self->tool, SIGKILL);
		waitpid(self->tool, NULL, 0);
	}
	if (self->lines)
		fclose(self->lines);
	victim_kill(&self->victim);
	UNWATCH_MISTAKES();
}

/* All processes, until Ctrl-C. */
TEST_F_TIMEOUT(tool_watch, all, MNCK_TIMEOUT)
{
	announce_core_warns();
	announce_broken("failure", REFUSES);
	WATCH("--slow", "1h");
	READ_LINE("mnck: watching all processes; Ctrl-C ends the watch");
	ASSERT_EQ(0, victim_driver(&self->victim, "refuses_blockable"));
	READ_LINE("[*] registered " OF_MISTAKES("refuses_blockable_ops") " (start) of process *, by "
		  OF_MISTAKES("*") ", tool_watch[*]");
	WAIT_UNTIL_PROBED(REFUSES);
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, getpagesize()));
	READ_LINE("[*] BROKEN failure: " REFUSES ": start failed with -11 for a blockable range: "
		  "UNMAP 0x100000000-0x100001000 blockable, in unmap*, tool_watch[*]");
	ASSERT_EQ(0, kill(self->tool, SIGINT));
	JOIN_TOOL(0);
}

/* One process, until its end, as JSON. */
TEST_F_TIMEOUT(tool_watch, process, MNCK_TIMEOUT)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", self->victim.pid);
	WATCH("--json", "-p", pid);
	READ_LINE("mnck: watching process * until it ends; Ctrl-C ends the watch");
	ASSERT_EQ(0, victim_driver(&self->victim, "clean_interval" IN_AREA));
	READ_LINE("{\"caller\":\"*\",\"comm\":\"tool_watch\",\"driver\":\"clean_interval_ops "
		  "[notifier_mistakes]\",\"end\":\"0x100004000\",\"pid\":*,\"start\":\"0x100000000\","
		  "\"tid\":*,\"time_ns\":*,\"type\":\"registered\",\"what\":\"invalidate\"}");
	ASSERT_LE(0, victim_kill(&self->victim));
	READ_LINE("{*\"type\":\"unregistered\"*}");
	JOIN_TOOL(0);
}

/* What can't be watched. */
TEST_F_TIMEOUT(tool_watch, errors, MNCK_TIMEOUT)
{
	EXPECT_PRINTS(TOOL_FAILED, "mnck watch -p 999999", "mnck: there is no process 999999");
	EXPECT_PRINTS(TOOL_FAILED, "mnck watch -p 2",
		      "mnck: 2 is a kernel thread, which has no memory to watch");
}

TEST_HARNESS_MAIN
