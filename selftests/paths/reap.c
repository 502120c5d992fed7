// SPDX-License-Identifier: GPL-2.0
/*
 * A dying process whose memory is reaped: CLEAR, of each private VMA as a whole, the
 * highest first, and the only ranges that must not block.
 *
 * Whoever may refuse does so here if the whole suite is to be refused: then each of
 * these ranges is refused, and who has started is told the end.
 */
#include "mnck_harness.h"
#include "oom.h"
#include "option.h"
#include "path.h"
#include "proc.h"

#define AREA_PAGES 4

FIXTURE(reap)
{
	struct path path;
	struct victim victim;
	struct oom_group group;
	size_t len;
	/* From the lowest to the highest. */
	char *vma[3];
};

/* A victim inherits what this process maps: private, read-only and shared memory. */
FIXTURE_SETUP(reap)
{
	self->path.fd = -1;
	self->group.kmsg = -1;
	self->len = AREA_PAGES * getpagesize();
	for (int i = 0; i < 3; i++)
		self->vma[i] = PATH_AREA + 2 * i * self->len;
	ASSERT_EQ(0, small_pages());
	ASSERT_EQ(0, map_pages(self->vma[0], self->len));
	ASSERT_EQ(self->vma[1], mmap(self->vma[1], self->len, PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
	memset(self->vma[1], 1, self->len);
	ASSERT_EQ(0, map_pages(self->vma[2], self->len));
	ASSERT_EQ(0, mprotect(self->vma[2], self->len, PROT_READ));
}

FIXTURE_TEARDOWN(reap)
{
	EXPECT_STREQ("", path_close(&self->path));
	victim_kill(&self->victim);
	EXPECT_EQ(0, oom_remove(&self->group));
}

/* The locks that the trylocks try: held, if all are to refuse. */
static int hold_locks(struct path *p, __u32 op)
{
	for (size_t i = 0; i < p->n; i++)
		if (path_refusing() && p->subs[i].sub.kind == MNCK_KIND_TRYLOCK &&
		    mnck_lock(&p->subs[i].sub, op))
			return -1;
	return 0;
}

/* What is shared is left to the others who have it. */
#define EXPECT_REAPED()                                         \
	EXPECT_RANGES(&self->path,                              \
		      RANGE(CLEAR, self->vma[2], self->len, BY_REAP, .non_blockable = true, \
			    .refused = path_refusing()),        \
		      RANGE(CLEAR, self->vma[0], self->len, BY_REAP, .non_blockable = true, \
			    .refused = path_refusing()))

TEST_F_TIMEOUT(reap, mrelease, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, victim_start(&self->victim, self->len));
	ASSERT_EQ(0, victim_trace_exit(&self->victim));
	PATH_ATTACH_TO(&self->path, self->victim.pid, PATH_REAPED);
	ASSERT_EQ(0, victim_doom(&self->victim));
	EXPECT_NO_RANGES(&self->path);

	ASSERT_EQ(0, hold_locks(&self->path, MNCK_LOCK_HOLD));
	EXPECT_ERRNO(path_refusing() ? EAGAIN : 0, victim_mrelease(&self->victim));
	EXPECT_REAPED();
	/* Whether there is anything left is not asked before. */
	EXPECT_ERRNO(path_refusing() ? EAGAIN : 0, victim_mrelease(&self->victim));
	EXPECT_REAPED();
	ASSERT_EQ(0, hold_locks(&self->path, MNCK_LOCK_RELEASE));
}

/* Who lives is not reaped. */
TEST_F_TIMEOUT(reap, alive, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, victim_start(&self->victim, self->len));
	PATH_ATTACH_TO(&self->path, self->victim.pid, PATH_REAPED);
	EXPECT_ERRNO(EINVAL, victim_mrelease(&self->victim));
	EXPECT_NO_RANGES(&self->path);
}

/* By the kernel's own thread, which comes again and again where it is refused. */
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
	ASSERT_EQ(0, hold_locks(&self->path, MNCK_LOCK_HOLD));
	ASSERT_EQ(0, oom_touch(&self->victim));
	ASSERT_EQ(path_refusing() ? GAVE_UP : REAPED, oom_verdict(&self->group, &self->victim));

	for (int i = 0; i < 2 * tries; i++)
		want[i] = RANGE(CLEAR, self->vma[i % 2 ? 0 : 2], self->len, BY_REAP,
				.pid = reaper, .non_blockable = true,
				.refused = path_refusing());
	EXPECT_STREQ("", path_differs(&self->path, want, 2 * tries, true));
	ASSERT_EQ(0, hold_locks(&self->path, MNCK_LOCK_RELEASE));
}

TEST_HARNESS_MAIN
