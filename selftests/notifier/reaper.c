// SPDX-License-Identifier: GPL-2.0
/*
 * Who reaps never sleeps in us: in no callback does the task make a voluntary
 * context switch, be it the kernel's own oom_reaper or one that calls
 * process_mrelease().  Rule non-block counts those, of each callback of a
 * non-blockable range; here all models are attached at once, on the core and in a
 * chain, and it has counted none.  That it can is shown by a driver that sleeps in
 * the oom_reaper and is named with it.
 *
 * Whoever refuses does not sleep either: chain.c and oom_reap.c look at the same
 * counters.  An interval subscriber that comes to no harm can't be there then, see
 * sequence.c.
 */
#include "chain.h"
#include "interval.h"
#include "kmsg.h"
#include "mnck_harness.h"
#include "oom.h"
#include "option.h"
#include "proc.h"
#include "violation.h"

#define AREA_SIZE (4L * getpagesize())

/* One of each model that is called in a reap. */
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
	ret |= chain_attach(fd, pid, MNCK_POLICY_EXACT, &m->chain);
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		ret |= chain_join(&m->chain, members[i], &m->members[i]);
	/* The mirror has something to lose. */
	return ret | mirror_fault(&m->intervals[0], 0, VICTIM_AREA, AREA_SIZE);
}

/* It was told of @_ranges non-blockable ranges, and of all that there were. */
#define EXPECT_AWAKE(_sub, _ranges)                                               \
	do {                                                                      \
		EXPECT_EQ(_ranges, stats_now(_sub).starts);                       \
		EXPECT_EQ(_ranges, stats_now(_sub).non_blockable);                \
		EXPECT_NO_VIOLATION(_sub);                                        \
	} while (0)

#define EXPECT_ALL_AWAKE(_m, _reap)                                               \
	do {                                                                      \
		for (size_t i_ = 0; i_ < ARRAY_SIZE((_m)->on_core); i_++)         \
			EXPECT_AWAKE(&(_m)->on_core[i_], (_reap)->vmas);          \
		for (size_t i_ = 0; i_ < ARRAY_SIZE((_m)->intervals); i_++)       \
			EXPECT_AWAKE(&(_m)->intervals[i_], 1);                    \
		EXPECT_LE(1, stats_now(&(_m)->tlb).flushes);                      \
		EXPECT_NO_VIOLATION(&(_m)->tlb);                                  \
		EXPECT_AWAKE(&(_m)->chain, (_reap)->vmas);                        \
		for (size_t i_ = 0; i_ < ARRAY_SIZE((_m)->members); i_++)         \
			EXPECT_AWAKE(&(_m)->members[i_], (_reap)->vmas);          \
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

/* It is reaped by the oom_reaper. */
#define EXPECT_REAPED()                                                           \
	do {                                                                      \
		ASSERT_EQ(0, oom_touch(&self->victim));                           \
		ASSERT_EQ(0, proc_reapable(self->victim.pid, &self->reap));       \
		ASSERT_EQ(REAPED, oom_verdict(&self->group, &self->victim));      \
	} while (0)

TEST_F_TIMEOUT(reaper, models, MNCK_TIMEOUT)
{
	struct models models;

	ASSERT_EQ(0, attach_models(self->fd, self->victim.pid, &models));
	EXPECT_REAPED();
	EXPECT_ALL_AWAKE(&models, &self->reap);
	EXPECT_NO_LINE(self->kmsg);
}

/* The driver sleeps in each range, and is named with the reaper in the first. */
#define EXPECT_SLEEPER(_sub, _what)                                               \
	do {                                                                      \
		struct violation v_;                                              \
										  \
		announce(&(struct violation){ .rule = MNCK_RULE_NON_BLOCK, .what = _what }, \
			 _sub);                                                   \
		announce_sleep_bug("scheduling in a non-blocking section: " OOM_REAPER "/"); \
		EXPECT_REAPED();                                                  \
		v_ = in_reaping(MNCK_RULE_NON_BLOCK, _what, &self->reap);         \
		v_.pid = kernel_thread(OOM_REAPER);                                            \
		v_.comm = OOM_REAPER;                                             \
		EXPECT_VIOLATIONS(_sub, MNCK_RULE_NON_BLOCK, self->reap.vmas);    \
		EXPECT_NAMED(self->kmsg, &v_, _sub);                              \
	} while (0)

TEST_F_TIMEOUT(reaper, sleeper, MNCK_TIMEOUT)
{
	struct subscriber sleeper;

	ASSERT_EQ(0, faulty_attach(self->fd, self->victim.pid, MNCK_FAULT_MSLEEP, MNCK_IN_START,
				   NULL, 0, &sleeper));
	EXPECT_SLEEPER(&sleeper, "start slept ");
}

TEST_F_TIMEOUT(reaper, sleeper_in_chain, MNCK_TIMEOUT)
{
	struct subscriber chain, sleeper;

	ASSERT_EQ(0, chain_attach(self->fd, self->victim.pid, MNCK_POLICY_EXACT, &chain));
	ASSERT_EQ(0, faulty_join(&chain, MNCK_FAULT_MSLEEP, MNCK_IN_END, &sleeper));
	EXPECT_SLEEPER(&sleeper, "chain end slept ");
}

/* Who is no oom_reaper, and reaps. */
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
	EXPECT_ALL_AWAKE(&models, &reap);
	EXPECT_NO_LINE(kmsg);
	EXPECT_EQ(0, close(fd));
	victim_kill(&v);
	close(kmsg);
}

TEST_HARNESS_MAIN
