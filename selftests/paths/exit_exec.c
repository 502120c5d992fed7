// SPDX-License-Identifier: GPL-2.0
/*
 * A process that leaves its address space, by exit, exec or a kill.
 *
 * Who listens to all of it is released, and told no range after that; who listens
 * to an interval has no release, and is told RELEASE and then UNMAP, both of all
 * there is.  All in the task that leaves last.
 */
#include <limits.h>

#include "mnck_harness.h"
#include "path.h"
#include "victim.h"

/* All there is, in the task that leaves. */
#define RANGE_ALL(_event, _initiator, _pid) RANGE(_event, 0, ULONG_MAX, _initiator, .pid = (_pid))

FIXTURE(exit_exec)
{
	struct path path;
	struct victim victim;
	size_t page;
};

FIXTURE_SETUP(exit_exec)
{
	self->path.fd = -1;
	self->page = getpagesize();
	ASSERT_EQ(0, victim_start(&self->victim, self->page));
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MAP_TOUCH, PATH_AREA, 4 * self->page));
	PATH_ATTACH_TO(&self->path, self->victim.pid, PATH_ENDS);
}

FIXTURE_TEARDOWN(exit_exec)
{
	EXPECT_STREQ("", path_close(&self->path));
	victim_kill(&self->victim);
}

/* The interval subscribers are told these, the others of their release, once each. */
#define EXPECT_LEFT(_pid)                                       \
	do {                                                    \
		EXPECT_RANGES(&self->path, RANGE_ALL(RELEASE, BY_EXIT, _pid), \
			      RANGE_ALL(UNMAP, BY_UNMAP, _pid)); \
		EXPECT_EQ(0, self->path.subs[0].n);             \
		EXPECT_LE(1, path_count_calls(&self->path, "release", BY_EXIT)); \
		for (size_t i_ = 0; i_ < self->path.intervals; i_++) \
			EXPECT_EQ(1, stats_now(&self->path.subs[i_].sub).releases); \
	} while (0)

TEST_F_TIMEOUT(exit_exec, exit, MNCK_TIMEOUT)
{
	pid_t pid = self->victim.pid;

	ASSERT_EQ(0, victim_send(&self->victim, VICTIM_EXIT, NULL, 0));
	ASSERT_EQ(0, victim_join(&self->victim));
	EXPECT_LEFT(pid);
}

TEST_F_TIMEOUT(exit_exec, killed, MNCK_TIMEOUT)
{
	pid_t pid = self->victim.pid;

	ASSERT_EQ(SIGKILL, victim_kill(&self->victim));
	EXPECT_LEFT(pid);
}

/* The new program has another address space, and nobody listens to that. */
TEST_F_TIMEOUT(exit_exec, exec, MNCK_TIMEOUT)
{
	pid_t pid = self->victim.pid;

	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_EXEC, NULL, 0));
	EXPECT_LEFT(pid);
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MAP_TOUCH, PATH_AREA, 4 * self->page));
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, PATH_AREA, 4 * self->page));
	EXPECT_NO_RANGES(&self->path);
}

/* Up to then it is told what everybody is. */
TEST_F_TIMEOUT(exit_exec, before, MNCK_TIMEOUT)
{
	struct wanted_range unmap = RANGE(UNMAP, PATH_AREA, self->page, BY_UNMAP,
					  .pid = self->victim.pid);

	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, PATH_AREA, self->page));
	EXPECT_RANGES(&self->path, unmap);
	ASSERT_EQ(1, self->path.subs[0].n);
	EXPECT_TRUE(range_matches(&self->path.subs[0].ranges[0], &unmap));
}

int main(int argc, char **argv)
{
	victim_exec_main(argc, argv);
	return test_harness_run(argc, argv);
}
