// SPDX-License-Identifier: GPL-2.0
/*
 * A user asks whether the drivers of the kernel can be watched, and what to do if not.
 */
#include <sys/mount.h>
#include <sys/prctl.h>

#include "child.h"
#include "file.h"
#include "mnck_harness.h"
#include "observed.h"
#include "privilege.h"
#include "tool.h"
#include "tracefs.h"

#define DEBUGFS "/sys/kernel/debug"

#define CAN "", "mnck: the drivers of this kernel can be watched"
#define CANNOT "", "mnck: the drivers can't be watched until the problem is solved"

FIXTURE(tool_doctor)
{
	struct tool_output said;
	int driver;
};

FIXTURE_SETUP(tool_doctor)
{
	self->driver = -1;
	REQUIRE_TABLES();
	REQUIRE_MNCK_KO();
	ASSERT_EQ(0, tracefs_mount());
}

FIXTURE_TEARDOWN(tool_doctor)
{
	if (self->driver >= 0)
		EXPECT_EQ(0, close(self->driver));
	if (access(DEBUGFS "/sched", F_OK) && access(DEBUGFS "/bdi", F_OK))
		EXPECT_EQ(0, mount("debugfs", DEBUGFS, "debugfs", 0, NULL));
	EXPECT_EQ(0, tracefs_mount());
	if (access("/sys/module/mnck", F_OK))
		EXPECT_EQ(0, mnck_insert(""));
	if (!access("/sys/module/" MISTAKES_MODULE, F_OK))
		EXPECT_EQ(0, module_remove(MISTAKES_MODULE));
}

#define ASK(_status, _command)                                                      \
	do {                                                                        \
		ASSERT_EQ(0, tool_run(_command, &self->said));                      \
		EXPECT_EQ(_status, self->said.status) TH_LOG("%s", self->said.text); \
	} while (0)

/* These lines, one after the other, are among those of the answer. */
#define EXPECT_SAID(...)                                                            \
	do {                                                                        \
		static const char *const lines_[] = { __VA_ARGS__, NULL };          \
											\
		EXPECT_TRUE(tool_has_lines(self->said.text, lines_));               \
	} while (0)

/* No line begins with this state. */
#define EXPECT_NOT_SAID(_state)                                                     \
	do {                                                                        \
		EXPECT_NE(0, strncmp(_state " ", self->said.text, sizeof(_state))); \
		EXPECT_EQ(NULL, strstr(self->said.text, "\n" _state " "));          \
	} while (0)

/* The kernel of each guest can be watched. */
TEST_F_TIMEOUT(tool_doctor, healthy, MNCK_TIMEOUT)
{
	REQUIRE_OPTION(has_fprobe(), "FPROBE");
	ASK(0, "mnck doctor");
	EXPECT_SAID("ok module the module mnck is loaded",
		    "ok kernel it has CONFIG_MMU_NOTIFIER, CONFIG_KPROBES, CONFIG_FPROBE*",
		    "ok ftrace ftrace is on");
	EXPECT_SAID("ok watch a watch of this process has begun and ended",
		    "ok caller you may watch all processes",
		    "ok core * functions of the kernel probed, by fprobe",
		    "ok drivers *",
		    "ok debugfs 'mnck list' and 'mnck ps' can read the tables of mnck",
		    "ok layout this kernel keeps its subscriptions as mnck expects it");
	EXPECT_SAID("ok tracefs perf and trace-cmd can record the events of mnck");
	EXPECT_SAID(CAN);
	EXPECT_NOT_SAID("problem");

	ASK(0, "mnck doctor --json");
	EXPECT_SAID(" \"can_watch\": true,", " \"checks\": [");
}

/* Rules that a kernel can't judge, and first calls that mnck can't see. */
TEST_F_TIMEOUT(tool_doctor, options, MNCK_TIMEOUT)
{
	bool has_types = !access("/sys/kernel/btf/vmlinux", F_OK);

	ASK(0, "mnck doctor");
	if (has_lockdep())
		EXPECT_SAID("ok lock-order rule lock-order is judged");
	else
		EXPECT_SAID("note lock-order rule lock-order is not judged",
			    " to have it judged, use a kernel with CONFIG_PROVE_LOCKING");
	if (has_types)
		EXPECT_SAID("* types *first call*");
	else
		EXPECT_SAID("note types the kernel has no BTF, and so the first calls of *",
			    " to see them, use a kernel with CONFIG_DEBUG_INFO_BTF");
}

/* The callbacks of a driver that is there are probed. */
TEST_F_TIMEOUT(tool_doctor, driver, MNCK_TIMEOUT)
{
	REQUIRE_OPTION(has_fprobe(), "FPROBE");
	INSERT_MISTAKES();
	self->driver = mistakes_subscribe("clean");
	ASSERT_LE(0, self->driver);
	ASK(0, "mnck doctor");
	EXPECT_SAID("ok drivers 2 functions of drivers probed, by fprobe");
}

/* Only that which needs a file system is lost without it. */
TEST_F_TIMEOUT(tool_doctor, no_file_systems, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, umount2(TRACEFS, MNT_DETACH));
	ASSERT_EQ(0, umount2(DEBUGFS, MNT_DETACH));
	ASK(0, "mnck doctor");
	EXPECT_SAID("note debugfs " DEBUGFS "/mnck is missing",
		    " run 'mount -t debugfs debugfs /sys/kernel/debug' as root, *");
	EXPECT_SAID("note tracefs it is not mounted: perf and trace-cmd see no events of mnck",
		    " run 'mount -t tracefs tracefs /sys/kernel/tracing' as root");
	EXPECT_SAID(CAN);

	/* What the user is told to do helps. */
	ASK(0, "mount -t debugfs debugfs /sys/kernel/debug");
	ASK(0, "mount -t tracefs tracefs /sys/kernel/tracing");
	ASK(0, "mnck doctor");
	EXPECT_SAID("ok debugfs *");
	EXPECT_SAID("ok tracefs *");
}

/* A module that is not loaded is the only problem. */
TEST_F_TIMEOUT(tool_doctor, not_loaded, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, mnck_remove());
	ASK(1, "mnck doctor");
	EXPECT_SAID("problem module the module mnck is not loaded",
		    " run 'insmod mnck.ko' as root",
		    "ok kernel *");
	EXPECT_SAID(CANNOT);

	ASK(1, "mnck doctor --json");
	EXPECT_SAID(" \"can_watch\": false,");
}

/* Root without CAP_SYS_ADMIN may watch its own processes. */
TEST_F_TIMEOUT(tool_doctor, no_administrator, MNCK_TIMEOUT)
{
	pid_t child = fork();

	ASSERT_LE(0, child);
	if (!child) {
		/* The shell and the tool get all capabilities that are not dropped so. */
		ASSERT_EQ(0, prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN));
		ASK(0, "mnck doctor");
		EXPECT_SAID("ok watch a watch of this process has begun and ended",
			    "note caller you may watch only processes that you may trace, *",
			    " to see all, run mnck as root");
		EXPECT_SAID(CAN);
		_exit(_metadata->exit_code);
	}
	JOIN_CHILD(child);
}

/* Another user can't open the device. */
TEST_F_TIMEOUT(tool_doctor, user, MNCK_TIMEOUT)
{
	pid_t child = fork();

	ASSERT_LE(0, child);
	if (!child) {
		ASSERT_EQ(0, become_user(NOBODY));
		ASK(1, "mnck doctor");
		EXPECT_SAID("problem watch /dev/mnck may not be opened", " run this as root");
		EXPECT_SAID("note debugfs " DEBUGFS "/mnck/drivers may not be read", " *");
		EXPECT_SAID(CANNOT);
		_exit(_metadata->exit_code);
	}
	JOIN_CHILD(child);
}

TEST_HARNESS_MAIN
