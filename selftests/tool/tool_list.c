// SPDX-License-Identifier: GPL-2.0
/*
 * A user asks which driver has a subscription to which process.  mnck does not watch, unless a test
 * says so.
 */
#include <signal.h>
#include <sys/mount.h>

#include "file.h"
#include "interval.h"
#include "mnck_harness.h"
#include "observed.h"
#include "tool.h"
#include "victim.h"

#define AREA_SIZE ((size_t)MISTAKES_PAGES * getpagesize())
#define DEBUGFS "/sys/kernel/debug"
#define MANY 1000

FIXTURE(tool_list)
{
	struct victim victim;
	/* A file of the device with the mistakes, or -1. */
	int driver;
};

FIXTURE_SETUP(tool_list)
{
	self->driver = -1;
	REQUIRE_TABLES();
	/* A start of ours waits as long as the tool needs. */
	ASSERT_EQ(0, mnck_set_parameter("wait_limit_ms", 60000));
	INSERT_MISTAKES();
	ASSERT_EQ(0, victim_start(&self->victim, AREA_SIZE));
}

FIXTURE_TEARDOWN(tool_list)
{
	EXPECT_EQ(0, mnck_set_parameter("wait_limit_ms", 10000));
	if (self->driver >= 0)
		EXPECT_EQ(0, close(self->driver));
	victim_kill(&self->victim);
	EXPECT_EQ(0, module_remove(MISTAKES_MODULE));
}

/* A process with drivers of both kinds, and another one. */
TEST_F_TIMEOUT(tool_list, by_process, MNCK_TIMEOUT)
{
	EXPECT_PRINTS(0, "mnck list", "no driver has a subscription to any process");
	EXPECT_PRINTS(0, "mnck list -p 1", "no driver has a subscription to process 1");
	EXPECT_PRINTS(TOOL_FAILED, "mnck list -p 999999", "mnck: there is no process 999999");

	ASSERT_EQ(0, victim_driver(&self->victim, "clean_interval" IN_AREA));
	ASSERT_EQ(0, victim_driver(&self->victim, "clean"));
	self->driver = mistakes_subscribe("refusing");
	ASSERT_LE(0, self->driver);
	/* The test has a lower id than its victim. */
	EXPECT_PRINTS(0, "mnck list",
		      "tool_list[*]",
		      " refusing_ops [notifier_mistakes] whole process start",
		      "",
		      "tool_list[*]",
		      " clean_ops [notifier_mistakes] whole process start, end",
		      " clean_interval_ops [notifier_mistakes] 0x100000000-0x100004000 invalidate");
	EXPECT_PRINTS(0, "mnck list -p $PPID",
		      "tool_list[*]",
		      " refusing_ops [notifier_mistakes] whole process start");
	EXPECT_PRINTS(0, "mnck list --json | grep -E '\"(command|pid|driver|start|is_stuck)\":' | sort",
		      " \"driver\": \"clean_interval_ops [notifier_mistakes]\",",
		      " \"driver\": \"clean_ops [notifier_mistakes]\",",
		      " \"driver\": \"refusing_ops [notifier_mistakes]\",",
		      " \"start\": \"0x100000000\"",
		      " \"is_stuck\": false,",
		      " \"pid\": *,",
		      " \"pid\": *,",
		      " \"command\": \"list\",");
}

/* A driver of two processes. */
TEST_F_TIMEOUT(tool_list, by_driver, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, victim_driver(&self->victim, "clean_interval" IN_AREA));
	ASSERT_EQ(0, victim_driver(&self->victim, "clean"));
	self->driver = mistakes_subscribe("clean");
	ASSERT_LE(0, self->driver);
	EXPECT_PRINTS(0, "mnck list --by driver",
		      "DRIVER PROCESSES SUBSCRIPTIONS",
		      "clean_ops [notifier_mistakes] 2 2 tool_list[*], tool_list[*]",
		      "clean_interval_ops [notifier_mistakes] 1 1 tool_list[*]");
}

/* A driver that comes while mnck watches: by which function, and since when. */
TEST_F_TIMEOUT(tool_list, watched, MNCK_TIMEOUT)
{
	REQUIRE_OPTION(has_fprobe(), "FPROBE");
	ASSERT_EQ(0, mnck_set_parameter("watch", 1));
	ASSERT_EQ(0, victim_driver(&self->victim, "clean"));
	WAIT_UNTIL_PROBED(OF_MISTAKES("clean_start"));
	EXPECT_PRINTS(0, "mnck list",
		      "tool_list[*]",
		      " clean_ops [notifier_mistakes] whole process start, end; "
		      "by " OF_MISTAKES("*") ", * s ago");
	ASSERT_EQ(0, mnck_set_parameter("watch", 0));
}

/* A range that stays open is told from one that was open by chance. */
TEST_F_TIMEOUT(tool_list, stuck, MNCK_TIMEOUT)
{
	struct subscriber trylock;
	int fd = mnck_open();

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, victim_driver(&self->victim, "clean_interval" IN_AREA));
	ASSERT_EQ(0, mnck_attach(fd, self->victim.pid, MNCK_KIND_TRYLOCK, &trylock));
	ASSERT_EQ(0, mnck_lock(&trylock, MNCK_LOCK_HOLD));
	ASSERT_EQ(0, victim_send(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, getpagesize()));
	WAIT_UNTIL(table_registered("clean_interval_ops", self->victim.pid, " open 1 "));
	EXPECT_PRINTS(0, "mnck list",
		      "tool_list[*]",
		      " sequence *, odd for more than a second, 1 range open: *",
		      " *[mnck] whole process start, release",
		      " clean_interval_ops [notifier_mistakes] 0x100000000-0x100004000 invalidate");
	ASSERT_EQ(0, mnck_lock(&trylock, MNCK_LOCK_RELEASE));
	ASSERT_EQ(0, victim_wait(&self->victim));
	EXPECT_EQ(0, close(fd));
}

/* Many subscriptions of one process. */
TEST_F_TIMEOUT(tool_list, many, MNCK_TIMEOUT)
{
	char line[64];

	self->driver = open(MISTAKES_DEVICE, O_WRONLY | O_CLOEXEC);
	ASSERT_LE(0, self->driver);
	for (int i = 0; i < MANY; i++) {
		snprintf(line, sizeof(line), "clean_interval %#lx 0x1000",
			 0x200000000UL + i * 0x10000UL);
		ASSERT_EQ((ssize_t)strlen(line), write(self->driver, line, strlen(line)));
	}
	EXPECT_PRINTS(0, "mnck list > /tmp/list; wc -l < /tmp/list; "
			 "grep -c '0x2.*000-0x2.*000  invalidate$' /tmp/list; "
			 "sort -u /tmp/list | wc -l; rm /tmp/list",
		      "1001", "1000", "1001");
	EXPECT_PRINTS(0, "mnck list --by driver",
		      "DRIVER PROCESSES SUBSCRIPTIONS",
		      "clean_interval_ops [notifier_mistakes] 1 1000 tool_list[*]");
	EXPECT_PRINTS(0, "mnck list --json | grep -c '\"kind\": \"interval\"'", "1000");
	/* A reader that has enough. */
	EXPECT_PRINTS(0, "{ mnck list; echo $? > /tmp/status; } | head -n 1; cat /tmp/status; "
			 "rm /tmp/status",
		      "tool_list[*]", "0");
}

/* Outputs that can't be written. */
TEST_F_TIMEOUT(tool_list, outputs, MNCK_TIMEOUT)
{
	static const char *const commands[] = {
		"mnck list", "mnck list --json", "mnck ps", "mnck ps --json",
	};
	char command[256];

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		struct tool_output output;

		snprintf(command, sizeof(command), "%s > /dev/full", commands[i]);
		ASSERT_EQ(0, tool_run(command, &output));
		EXPECT_EQ(TOOL_FAILED, output.status);
		EXPECT_NE(NULL, strstr(output.text, "mnck: No space left on device"))
			TH_LOG("%s", output.text);
		/* Its reader has gone before it begins. */
		snprintf(command, sizeof(command),
			 "mkfifo /tmp/out; { exec 3<> /tmp/out 4> /tmp/out 3<&-; "
			 "%s >&4 2> /tmp/errors; }; s=$?; rm /tmp/out; "
			 "grep -v 'only mnck' /tmp/errors | grep mnck:; exit $s",
			 commands[i]);
		ASSERT_EQ(0, tool_run(command, &output));
		EXPECT_EQ(0, output.status) TH_LOG("%s", output.text);
		EXPECT_STREQ("", output.text);
	}
}

/* Without the module, and without debugfs. */
TEST_F_TIMEOUT(tool_list, missing, 2 * MNCK_TIMEOUT)
{
	REQUIRE_MNCK_KO();
	ASSERT_EQ(0, umount2(DEBUGFS, MNT_DETACH));
	EXPECT_PRINTS(TOOL_FAILED, "mnck list",
		      "mnck: /sys/kernel/debug/mnck is missing: run 'mount -t debugfs debugfs "
		      "/sys/kernel/debug' as root, or use a kernel with CONFIG_DEBUG_FS");
	EXPECT_PRINTS(TOOL_FAILED, "mnck ps", "mnck: /sys/kernel/debug/mnck is missing: *");
	ASSERT_EQ(0, mount("debugfs", DEBUGFS, "debugfs", 0, NULL));

	ASSERT_EQ(0, mnck_remove());
	EXPECT_PRINTS(TOOL_FAILED, "mnck list",
		      "mnck: the module mnck is not loaded: run 'insmod mnck.ko' as root");
	EXPECT_PRINTS(TOOL_FAILED, "mnck ps --json",
		      "mnck: the module mnck is not loaded: run 'insmod mnck.ko' as root");
	EXPECT_PRINTS(TOOL_FAILED, "mnck top -n 1",
		      "mnck: the module mnck is not loaded: run 'insmod mnck.ko' as root");
	ASSERT_EQ(0, mnck_insert(""));
	EXPECT_PRINTS(0, "mnck list", "no driver has a subscription to any process");
}

TEST_HARNESS_MAIN
