// SPDX-License-Identifier: GPL-2.0
/*
 * A machine hangs: a task is in a callback that does not return, and others wait for it.
 */
#include "child.h"
#include "file.h"
#include "interval.h"
#include "mnck_harness.h"
#include "observed.h"
#include "proc.h"
#include "tool.h"
#include "victim.h"

#define AREA_SIZE ((size_t)MISTAKES_PAGES * getpagesize())
#define HANGING OF_MISTAKES("hanging_start")

#define UNWATCHED "mnck: only mnck's own subscribers are shown, as the module does not watch the " \
		  "others: *"

FIXTURE(tool_ps)
{
	struct victim victim;
	/* Another process. */
	struct victim other;
};

FIXTURE_SETUP(tool_ps)
{
	REQUIRE_TABLES();
	/* A start of ours waits as long as the tool needs. */
	ASSERT_EQ(0, mnck_set_parameter("wait_limit_ms", 60000));
	ASSERT_EQ(0, mnck_set_parameter("stall_limit_ms", 0));
	ASSERT_EQ(0, victim_start(&self->victim, AREA_SIZE));
	ASSERT_EQ(0, victim_start(&self->other, AREA_SIZE));
}

FIXTURE_TEARDOWN(tool_ps)
{
	EXPECT_EQ(0, mnck_set_parameter("wait_limit_ms", 10000));
	victim_kill(&self->victim);
	victim_kill(&self->other);
	EXPECT_EQ(0, mnck_set_parameter("stall_limit_ms", 10000));
}

/* Nothing hangs. */
TEST_F_TIMEOUT(tool_ps, idle, MNCK_TIMEOUT)
{
	EXPECT_PRINTS(0, "mnck ps", "no callback runs, and no task waits for one", UNWATCHED);
	EXPECT_PRINTS(0, "mnck ps --json 2> /dev/null",
		      "{",
		      " \"callbacks\": [],",
		      " \"command\": \"ps\",",
		      " \"is_watched\": false,",
		      " \"mnck\": 1,",
		      " \"waiting\": []",
		      "}");
	REQUIRE_OPTION(has_fprobe(), "FPROBE");
	ASSERT_EQ(0, mnck_set_parameter("watch", 1));
	EXPECT_PRINTS(0, "mnck ps", "no callback runs, and no task waits for one");
	ASSERT_EQ(0, mnck_set_parameter("watch", 0));
	/* A program watches. */
	EXPECT_PRINTS(0, "mnck run -- mnck ps 2> /tmp/errors; grep own /tmp/errors; rm /tmp/errors",
		      "no callback runs, and no task waits for one");
}

/* A subscriber of mnck, which needs no watch. */
TEST_F_TIMEOUT(tool_ps, own, MNCK_TIMEOUT)
{
	struct subscriber trylock, counter;
	struct call detach;
	int fd = mnck_open(), other_fd = mnck_open();

	ASSERT_LE(0, fd);
	ASSERT_LE(0, other_fd);
	ASSERT_EQ(0, mnck_attach(fd, self->victim.pid, MNCK_KIND_TRYLOCK, &trylock));
	ASSERT_EQ(0, mnck_attach(other_fd, 0, MNCK_KIND_COUNTER, &counter));
	ASSERT_EQ(0, mnck_lock(&trylock, MNCK_LOCK_HOLD));
	ASSERT_EQ(0, victim_send(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, getpagesize()));
	WAIT_UNTIL(proc_stack_has(self->victim.pid, self->victim.pid, "invalidate_range_start"));
	ASSERT_EQ(0, call_begin(&detach, call_detach, &counter));
	WAIT_UNTIL(detach.tid && proc_sleeps_in(getpid(), detach.tid, "synchronize_srcu"));
	EXPECT_PRINTS(0, "mnck ps",
		      "1 task waits for trylock * start, which has run for * in tool_ps[*]",
		      "",
		      "CALLBACK AGE TASK FOR",
		      "trylock * start * *s tool_ps[*] UNMAP 0x100000000-0x10000*000 blockable, "
		      "in unmap_vmas",
		      "",
		      "WAITING TASK AGE IN",
		      "tool_ps[*] *s mmu_notifier_unregister of counter *",
		      UNWATCHED);
	ASSERT_EQ(0, mnck_lock(&trylock, MNCK_LOCK_RELEASE));
	ASSERT_EQ(0, victim_wait(&self->victim));
	ASSERT_EQ(0, call_end(&detach));
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(0, close(other_fd));
}

/* A driver hangs; an unregister and the exit of another process wait for it. */
TEST_F_TIMEOUT(tool_ps, driver, MNCK_TIMEOUT)
{
	struct victim *v = &self->victim, *other = &self->other;

	WATCH_MISTAKES();
	ASSERT_EQ(0, victim_driver(v, "hanging"));
	ASSERT_EQ(0, victim_driver(other, "clean"));
	WAIT_UNTIL_PROBED(HANGING);
	ASSERT_EQ(0, victim_send(v, VICTIM_MUNMAP, VICTIM_AREA, getpagesize()));
	WAIT_UNTIL(proc_sleeps_in(v->pid, v->pid, "hanging_start"));
	EXPECT_PRINTS(0, "mnck ps",
		      "CALLBACK AGE TASK FOR",
		      HANGING " *s tool_ps[*] UNMAP 0x100000000-0x10000*000 blockable, in unmap_vmas");

	ASSERT_EQ(0, victim_driver_send(other, "-clean"));
	WAIT_UNTIL(proc_sleeps_in(other->pid, other->pid, "synchronize_srcu"));
	EXPECT_PRINTS(0, "mnck ps",
		      "1 task waits for " HANGING ", which has run for * in tool_ps[*]",
		      "",
		      "CALLBACK AGE TASK FOR",
		      HANGING " *s tool_ps[*] UNMAP *, in unmap_vmas",
		      "",
		      "WAITING TASK AGE IN",
		      "tool_ps[*] *s mmu_notifier_unregister");
	EXPECT_PRINTS(0, "mnck ps --json | grep -E 'function|subscriber|is_watched'",
		      " \"subscriber\": \"" HANGING "\",",
		      " \"is_watched\": true,",
		      " \"function\": \"mmu_notifier_unregister\",",
		      " \"subscriber\": \"" HANGING "\",");
	ASSERT_EQ(0, mistakes_let_go());
	ASSERT_EQ(0, victim_wait(v));
	ASSERT_EQ(0, victim_wait(other));
	victim_kill(v);
	victim_kill(other);
	UNWATCH_MISTAKES();
}

/* A process that exits waits for the callbacks of others. */
TEST_F_TIMEOUT(tool_ps, exit, MNCK_TIMEOUT)
{
	struct victim *v = &self->victim, *other = &self->other;

	WATCH_MISTAKES();
	ASSERT_EQ(0, victim_driver(v, "hanging"));
	ASSERT_EQ(0, victim_driver(other, "clean"));
	WAIT_UNTIL_PROBED(HANGING);
	ASSERT_EQ(0, victim_send(v, VICTIM_MUNMAP, VICTIM_AREA, getpagesize()));
	WAIT_UNTIL(proc_sleeps_in(v->pid, v->pid, "hanging_start"));
	ASSERT_EQ(0, kill(other->pid, SIGKILL));
	WAIT_UNTIL(proc_sleeps_in(other->pid, other->pid, "synchronize_srcu"));
	EXPECT_PRINTS(0, "mnck ps",
		      "1 task waits for " HANGING ", which has run for * in tool_ps[*]",
		      "",
		      "CALLBACK AGE TASK FOR",
		      HANGING " *s tool_ps[*] UNMAP *, in unmap_vmas",
		      "",
		      "WAITING TASK AGE IN",
		      "tool_ps[*] *s __mmu_notifier_release: its process exits");
	ASSERT_EQ(0, mistakes_let_go());
	ASSERT_EQ(0, victim_wait(v));
	victim_kill(v);
	victim_kill(other);
	UNWATCH_MISTAKES();
}

TEST_HARNESS_MAIN
