// SPDX-License-Identifier: GPL-2.0
/*
 * Drives zap_vma_for_reaping(), by process_mrelease() and by the kernel's OOM reaper.
 *
 * A subscriber to a dying process must see a non-blockable CLEAR range for each private
 * VMA, of the whole VMA, the highest first.  No other function of mm begins non-blockable
 * ranges.
 *
 * With MNCK_REFUSING in the environment, the locks of the two trylock subscribers, on the core
 * and in the chain, are taken.  Each range must be refused then, and the paired subscribers must
 * still see each start and its end.
 */
#include "mnck_harness.h"
#include "oom.h"
#include "option.h"
#include "path.h"
#include "proc.h"
#include "victim.h"

#define AREA_PAGES 4

FIXTURE(reap)
{
	struct path path;
	struct victim victim;
	struct oom_group group;
	size_t len;
	/* From the lowest to the highest: private, shared, and private and read-only. */
	char *vma[3];
};

/* The victim inherits what the test maps. */
FIXTURE_SETUP(reap)
{
	self->group.kmsg = -1;
	self->len = AREA_PAGES * getpagesize();
	for (int i = 0; i < 3; i++)
		self->vma[i] = PATH_AREA + 2 * i * self->len;
	ASSERT_EQ(0, small_pages());
	ASSERT_EQ(0, map_pages(self->vma[0], self->len));
	ASSERT_EQ(0, map_shared(self->vma[1], self->len));
	ASSERT_EQ(0, map_pages(self->vma[2], self->len));
	ASSERT_EQ(0, mprotect(self->vma[2], self->len, PROT_READ));
}

FIXTURE_TEARDOWN(reap)
{
	EXPECT_STREQ("", path_close(&self->path));
	victim_kill(&self->victim);
	EXPECT_EQ(0, oom_remove(&self->group));
}

/* With MNCK_REFUSING, takes or releases (@op) the locks of the trylock subscribers. */
static int lock_trylocks(struct path *p, __u32 op)
{
	for (size_t i = 0; i < p->n; i++)
		if (path_refusing() && p->subs[i].sub.kind == MNCK_KIND_TRYLOCK &&
		    mnck_lock(&p->subs[i].sub, op))
			return -1;
	return 0;
}

/* A range of one VMA, which thread @_pid reaps. */
#define RANGE_REAPED(_vma, _pid)                                \
	RANGE(CLEAR, _vma, self->len, BY_REAP, .pid = (_pid), .non_blockable = true, \
	      .refused = path_refusing())

/* The reaper skips shared memory, which other processes may use. */
#define EXPECT_REAPED()                                         \
	EXPECT_RANGES(&self->path, RANGE_REAPED(self->vma[2], 0), RANGE_REAPED(self->vma[0], 0))

/*
 * process_mrelease() begins the ranges each time that it is called, whether pages are left
 * or not, and fails with EAGAIN if a subscriber refuses.
 */
TEST_F_TIMEOUT(reap, mrelease, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, victim_start(&self->victim, self->len));
	ASSERT_EQ(0, victim_trace_exit(&self->victim));
	PATH_ATTACH_TO(&self->path, self->victim.pid, PATH_REAPED);
	ASSERT_EQ(0, victim_doom(&self->victim));
	EXPECT_NO_RANGES(&self->path);

	ASSERT_EQ(0, lock_trylocks(&self->path, MNCK_LOCK_HOLD));
	EXPECT_ERRNO(path_refusing() ? EAGAIN : 0, victim_mrelease(&self->victim));
	EXPECT_REAPED();
	EXPECT_ERRNO(path_refusing() ? EAGAIN : 0, victim_mrelease(&self->victim));
	EXPECT_REAPED();
	ASSERT_EQ(0, lock_trylocks(&self->path, MNCK_LOCK_RELEASE));
}

/* process_mrelease() of a process that is not dying fails, and begins no range. */
TEST_F_TIMEOUT(reap, alive, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, victim_start(&self->victim, self->len));
	PATH_ATTACH_TO(&self->path, self->victim.pid, PATH_REAPED);
	EXPECT_ERRNO(EINVAL, victim_mrelease(&self->victim));
	EXPECT_NO_RANGES(&self->path);
}

/*
 * The OOM reaper begins the ranges in its own kernel thread.  If a subscriber refuses, the
 * reaper tries again, MAX_OOM_REAP_RETRIES times in all.
 */
TEST_F_TIMEOUT(reap, oom_reaper, MNCK_TIMEOUT)
{
	struct wanted_range want[2 * REAPER_TRIES];
	int tries = path_refusing() ? REAPER_TRIES : 1;
	pid_t reaper = kernel_thread(OOM_REAPER);

	REQUIRE_OPTION(has_memcg(), "MEMCG");
	ASSERT_LT(0, reaper);
	ASSERT_EQ(0, oom_make(&self->group));
	ASSERT_EQ(0, oom_start(&self->group, &self->victim, self->len));
	PATH_ATTACH_TO(&self->path, self->victim.pid, PATH_REAPED);
	ASSERT_EQ(0, lock_trylocks(&self->path, MNCK_LOCK_HOLD));
	ASSERT_EQ(0, oom_touch(&self->victim));
	ASSERT_EQ(path_refusing() ? GAVE_UP : REAPED, oom_verdict(&self->group, &self->victim));

	for (int i = 0; i < 2 * tries; i++)
		want[i] = RANGE_REAPED(self->vma[i % 2 ? 0 : 2], reaper);
	EXPECT_STREQ("", path_differs(&self->path, want, 2 * tries, true));
	ASSERT_EQ(0, lock_trylocks(&self->path, MNCK_LOCK_RELEASE));
}

TEST_HARNESS_MAIN
