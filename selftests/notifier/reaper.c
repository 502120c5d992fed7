// SPDX-License-Identifier: GPL-2.0
/*
 * Proves that a task that reaps memory never sleeps in a callback of mnck's model
 * subscribers, be it the oom_reaper or a task that calls process_mrelease().
 *
 * Rule non-block counts each callback of a non-blockable range in which the task has
 * made a voluntary context switch.  Here all models are attached at once, to the core
 * and in a chain, and the rule must count none.  A driver that does sleep in the
 * oom_reaper shows that the rule would notice: mnck must name it and the oom_reaper.
 *
 * Nothing refuses in these tests, since up to Linux 7.3 a refusal harms the interval
 * subscribers, see sequence.c.  chain.c and oom_reap.c check the same counters of
 * subscribers that refuse.
 */
#include "chain.h"
#include "file.h"
#include "interval.h"
#include "kmsg.h"
#include "mnck_harness.h"
#include "observed.h"
#include "oom.h"
#include "option.h"
#include "proc.h"
#include "violation.h"

#define AREA_SIZE (4L * getpagesize())

/* The model subscribers that are called when a process is reaped. */
struct models {
	struct subscriber on_core[3];
	struct subscriber intervals[2];
	struct subscriber tlb;
	struct subscriber chain;
	struct subscriber members[2];
};

static int attach_models(int fd, pid_t pid, struct models *m)
{
	const __u32 on_core[] = { MNCK_KIND_COUNTER, MNCK_KIND_TRYLOCK, MNCK_KIND_SHARED };
	const __u32 intervals[] = { MNCK_KIND_MIRROR, MNCK_KIND_TWO_PASS };
	const __u32 members[] = { MNCK_KIND_COUNTER, MNCK_KIND_TRYLOCK };
	int ret = 0;

	for (size_t i = 0; i < ARRAY_SIZE(on_core); i++)
		ret |= mnck_attach(fd, pid, on_core[i], &m->on_core[i]);
	for (size_t i = 0; i < ARRAY_SIZE(intervals); i++)
		ret |= interval_attach(fd, pid, intervals[i], 0, VICTIM_AREA, AREA_SIZE,
				       &m->intervals[i]);
	ret |= mnck_attach(fd, pid, MNCK_KIND_SECONDARY_TLB, &m->tlb);
	ret |= chain_attach(fd, pid, &m->chain);
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		ret |= chain_join(&m->chain, members[i], &m->members[i]);
	/* Pages in the mirror's shadow, which the reaping must remove. */
	return ret | mirror_fault(&m->intervals[0], 0, VICTIM_AREA, AREA_SIZE);
}

/* @_sub has seen @_ranges ranges, all of them non-blockable, and broke no rule. */
#define EXPECT_NO_SLEEP(_sub, _ranges)                                            \
	do {                                                                      \
		EXPECT_EQ(_ranges, stats_now(_sub).starts);                       \
		EXPECT_EQ(_ranges, stats_now(_sub).non_blockable);                \
		EXPECT_NO_VIOLATION(_sub);                                        \
	} while (0)

#define EXPECT_NONE_SLEPT(_m, _reap)                                              \
	do {                                                                      \
		for (size_t i_ = 0; i_ < ARRAY_SIZE((_m)->on_core); i_++)         \
			EXPECT_NO_SLEEP(&(_m)->on_core[i_], (_reap)->vmas);       \
		for (size_t i_ = 0; i_ < ARRAY_SIZE((_m)->intervals); i_++)       \
			EXPECT_NO_SLEEP(&(_m)->intervals[i_], 1);                 \
		EXPECT_LE(1, stats_now(&(_m)->tlb).flushes);                      \
		EXPECT_NO_VIOLATION(&(_m)->tlb);                                  \
		EXPECT_NO_SLEEP(&(_m)->chain, (_reap)->vmas);                     \
		for (size_t i_ = 0; i_ < ARRAY_SIZE((_m)->members); i_++)         \
			EXPECT_NO_SLEEP(&(_m)->members[i_], (_reap)->vmas);       \
	} while (0)

FIXTURE(reaper)
{
	int fd;
	int kmsg;
	struct oom_group group;
	struct victim victim;
	struct reapable reap;
};

FIXTURE_SETUP(reaper)
{
	self->fd = -1;
	self->group.kmsg = -1;
	REQUIRE_OPTION(has_memcg(), "MEMCG");
	self->kmsg = kmsg_open(O_NONBLOCK);
	ASSERT_LE(0, self->kmsg);
	ASSERT_EQ(0, oom_make(&self->group));
	ASSERT_EQ(0, oom_start(&self->group, &self->victim, AREA_SIZE));
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(reaper)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	victim_kill(&self->victim);
	EXPECT_EQ(0, oom_remove(&self->group));
	close(self->kmsg);
}

/* The oom_reaper reaps the victim. */
#define EXPECT_REAPED()                                                           \
	do {                                                                      \
		ASSERT_EQ(0, oom_touch(&self->victim));                           \
		ASSERT_EQ(0, proc_reapable(self->victim.pid, &self->reap));       \
		ASSERT_EQ(REAPED, oom_verdict(&self->group, &self->victim));      \
	} while (0)

/* The oom_reaper sleeps in no callback of a model subscriber. */
TEST_F_TIMEOUT(reaper, models, MNCK_TIMEOUT)
{
	struct models models;

	ASSERT_EQ(0, attach_models(self->fd, self->victim.pid, &models));
	EXPECT_REAPED();
	EXPECT_NONE_SLEPT(&models, &self->reap);
	EXPECT_NO_LINE(self->kmsg);
}

#define SLEEPER OF_MISTAKES("sleeping_start")

/* mnck names a driver that sleeps in the oom_reaper, and counts each range. */
TEST_F_TIMEOUT(reaper, sleeper, MNCK_TIMEOUT)
{
	struct violation v;
	char record[4096];

	WATCH_MISTAKES();
	ASSERT_EQ(0, victim_driver(&self->victim, "sleeping_start"));
	WAIT_UNTIL_PROBED(SLEEPER);
	announce_broken("non-block", SLEEPER);
	announce_sleep_bug(BUG_SCHEDULING ": " OOM_REAPER "/");
	EXPECT_REAPED();
	v = in_reaping(&self->reap);
	v.pid = kernel_thread(OOM_REAPER);
	v.comm = OOM_REAPER;
	WAIT_UNTIL(broken("non-block", SLEEPER) >= self->reap.vmas);
	EXPECT_EQ(self->reap.vmas, broken("non-block", SLEEPER));
	WAIT_UNTIL(next_line(self->kmsg, record, sizeof(record)));
	EXPECT_NE(NULL, strstr(record, ";mnck: non-block: " SLEEPER ": start slept 1 time: "))
		TH_LOG("%s", record);
	EXPECT_TRUE(violation_is_in(&v, record)) TH_LOG("%s", record);
	EXPECT_NO_LINE(self->kmsg);
	/* Its file, and with it the driver, goes before the module can. */
	victim_kill(&self->victim);
	UNWATCH_MISTAKES();
}

/* A task that calls process_mrelease() sleeps in no callback of a model subscriber. */
TEST(mrelease)
{
	struct models models;
	struct reapable reap;
	struct victim v;
	int kmsg, fd;

	kmsg = kmsg_open(O_NONBLOCK);
	ASSERT_LE(0, kmsg);
	ASSERT_EQ(0, victim_start(&v, AREA_SIZE));
	ASSERT_EQ(0, victim_trace_exit(&v));
	fd = mnck_open();
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, attach_models(fd, v.pid, &models));
	ASSERT_EQ(0, victim_doom(&v));
	ASSERT_EQ(0, proc_reapable(v.pid, &reap));
	EXPECT_EQ(0, victim_mrelease(&v));
	EXPECT_NONE_SLEPT(&models, &reap);
	EXPECT_NO_LINE(kmsg);
	EXPECT_EQ(0, close(fd));
	victim_kill(&v);
	close(kmsg);
}

TEST_HARNESS_MAIN
