// SPDX-License-Identifier: GPL-2.0
/*
 * Drives exit_mmap(), by exit, by exec and by SIGKILL.
 *
 * A subscriber to the whole address space must see one release and no range: the core
 * drops it from its list before unmap_vmas() runs.  An interval subscriber has no release
 * callback.  It must see a RELEASE range and then an UNMAP range, both from 0 to ULONG_MAX.
 * All of that must happen in the last task that leaves the address space.
 */
#include <limits.h>

#include "mnck_harness.h"
#include "path.h"
#include "stats.h"
#include "victim.h"

/* A range of the whole address space. */
#define RANGE_ALL(_event, _initiator, _pid) RANGE(_event, 0, ULONG_MAX, _initiator, .pid = (_pid))

FIXTURE(exit_exec)
{
	struct path path;
	struct victim victim;
	size_t page;
};

FIXTURE_SETUP(exit_exec)
{
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

/* The interval subscribers saw both ranges, and all others one release and no range. */
#define EXPECT_RELEASED(_pid)                                   \
	do {                                                    \
		EXPECT_RANGES(&self->path, RANGE_ALL(RELEASE, BY_EXIT, _pid), \
			      RANGE_ALL(UNMAP, BY_UNMAP, _pid)); \
		EXPECT_EQ(0, self->path.subs[0].n);             \
		EXPECT_LE(1, path_count_calls(&self->path, "release", BY_EXIT)); \
		for (size_t i_ = 0; i_ < self->path.intervals; i_++) \
			if (self->path.subs[i_].sub.kind != PATH_KIND_OBSERVED) \
				EXPECT_EQ(1, stats_now(&self->path.subs[i_].sub).releases); \
	} while (0)

/* _exit() of the only task releases the address space. */
TEST_F_TIMEOUT(exit_exec, exit, MNCK_TIMEOUT)
{
	pid_t pid = self->victim.pid;

	ASSERT_EQ(0, victim_send(&self->victim, VICTIM_EXIT, NULL, 0));
	ASSERT_EQ(0, victim_join(&self->victim));
	EXPECT_RELEASED(pid);
}

/* A task that is killed releases its address space as at exit. */
TEST_F_TIMEOUT(exit_exec, killed, MNCK_TIMEOUT)
{
	pid_t pid = self->victim.pid;

	ASSERT_EQ(SIGKILL, victim_kill(&self->victim));
	EXPECT_RELEASED(pid);
}

/*
 * exec releases the old address space as at exit.  The subscribers do not see ranges of the
 * new one, to which they are not subscribed.
 */
TEST_F_TIMEOUT(exit_exec, exec, MNCK_TIMEOUT)
{
	pid_t pid = self->victim.pid;

	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_EXEC, NULL, 0));
	EXPECT_RELEASED(pid);
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MAP_TOUCH, PATH_AREA, 4 * self->page));
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, PATH_AREA, 4 * self->page));
	EXPECT_NO_RANGES(&self->path);
}

/* Until the process ends, interval subscribers and all others see the same ranges. */
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
