// SPDX-License-Identifier: GPL-2.0
/*
 * The drivers of drivers/notifier_mistakes do what their names say, and the machine goes on.
 * mnck has no part in this.
 *
 * Each victim unmaps a page of its area, which is blockable, and is then reaped, which is not.
 */
#include "kmsg.h"
#include "mistakes.h"
#include "mnck_harness.h"
#include "option.h"
#include "proc.h"
#include "victim.h"
#include "violation.h"

/* The ranges whose end the driver hears. */
enum ends {
	ENDS_ALL,
	ENDS_BLOCKABLE,
	ENDS_NONE,
};

FIXTURE(mistakes)
{
	int kmsg;
	struct victim victim;
	struct reapable reap;
};

FIXTURE_VARIANT(mistakes)
{
	/* What the victim writes to the device. */
	const char *line;
	/* Whether the driver hears of the area only. */
	bool interval;
	enum ends ends;
	/* The errno of process_mrelease(). */
	int error;
	/* What the core logs when a start fails. */
	const char *failed;
	/* Whether the core also warns. */
	bool warns;
	/* What the kernel's own check of sleeping logs. */
	const char *bug;
};

FIXTURE_VARIANT_ADD(mistakes, clean)
{
	.line = "clean",
};

FIXTURE_VARIANT_ADD(mistakes, nesting)
{
	.line = "nesting",
};

FIXTURE_VARIANT_ADD(mistakes, slow)
{
	.line = "slow",
};

FIXTURE_VARIANT_ADD(mistakes, unlocks_mutex)
{
	.line = "unlocks_mutex",
	.ends = ENDS_NONE,
};

FIXTURE_VARIANT_ADD(mistakes, keeps_mutex)
{
	.line = "keeps_mutex",
	.ends = ENDS_NONE,
};

FIXTURE_VARIANT_ADD(mistakes, refusing)
{
	.line = "refusing",
	.ends = ENDS_NONE, .error = EAGAIN,
	.failed = "callback failed with -11 in non-blockable",
};

FIXTURE_VARIANT_ADD(mistakes, wrong_code)
{
	.line = "wrong_code",
	.ends = ENDS_NONE, .error = EAGAIN, .warns = true,
	.failed = "callback failed with -22 in non-blockable",
};

FIXTURE_VARIANT_ADD(mistakes, failing)
{
	.line = "failing",
	.ends = ENDS_NONE, .error = EAGAIN, .warns = true,
	.failed = "callback failed with -22 in blockable",
};

FIXTURE_VARIANT_ADD(mistakes, refuses_blockable)
{
	.line = "refuses_blockable",
	.ends = ENDS_NONE, .warns = true,
	.failed = "callback failed with -11 in blockable",
};

FIXTURE_VARIANT_ADD(mistakes, refuses_with_end)
{
	.line = "refuses_with_end",
	.error = EAGAIN, .warns = true,
	.failed = "callback failed with -11 in non-blockable",
};

FIXTURE_VARIANT_ADD(mistakes, sleeps_if_blockable)
{
	.line = "sleeps_if_blockable",
};

FIXTURE_VARIANT_ADD(mistakes, clean_interval)
{
	.line = "clean_interval" IN_AREA, .interval = true,
	.ends = ENDS_NONE,
};

FIXTURE_VARIANT_ADD(mistakes, inserted)
{
	.line = "inserted" IN_AREA, .interval = true,
	.ends = ENDS_NONE,
};

FIXTURE_VARIANT_ADD(mistakes, uninserted)
{
	.line = "uninserted" IN_AREA, .interval = true,
	.ends = ENDS_NONE,
};

FIXTURE_VARIANT_ADD(mistakes, forgetful)
{
	.line = "forgetful" IN_AREA, .interval = true,
	.ends = ENDS_NONE,
};

FIXTURE_VARIANT_ADD(mistakes, never_reads)
{
	.line = "never_reads" IN_AREA, .interval = true,
	.ends = ENDS_NONE,
};

FIXTURE_VARIANT_ADD(mistakes, refusing_interval)
{
	.line = "refusing_interval" IN_AREA, .interval = true,
	.ends = ENDS_NONE, .error = EAGAIN,
};

FIXTURE_VARIANT_ADD(mistakes, refuses_blockable_interval)
{
	.line = "refuses_blockable_interval" IN_AREA, .interval = true,
	.ends = ENDS_NONE, .warns = true,
};

FIXTURE_VARIANT_ADD(mistakes, clean_two_pass)
{
	.line = "clean_two_pass" IN_AREA, .interval = true,
};

FIXTURE_VARIANT_ADD(mistakes, sleeping_finish)
{
	.line = "sleeping_finish" IN_AREA, .interval = true,
};

FIXTURE_VARIANT_ADD(mistakes, refusing_two_pass)
{
	.line = "refusing_two_pass" IN_AREA, .interval = true,
	.ends = ENDS_BLOCKABLE, .error = EAGAIN,
};

FIXTURE_VARIANT_ADD(mistakes, leaves_finish)
{
	.line = "leaves_finish" IN_AREA, .interval = true,
	.ends = ENDS_BLOCKABLE, .error = EAGAIN,
};

/* The core looks for a sleep in a start and in an end, but not in an interval callback. */
FIXTURE_VARIANT_ADD(mistakes, sleeping_start) { .line = "sleeping_start", .bug = BUG_SCHEDULING };

FIXTURE_VARIANT_ADD(mistakes, sleeping_end) { .line = "sleeping_end", .bug = BUG_SCHEDULING };

FIXTURE_VARIANT_ADD(mistakes, sleeping_interval)
{
	.line = "sleeping_interval" IN_AREA, .interval = true, .ends = ENDS_NONE,
};

FIXTURE_VARIANT_ADD(mistakes, contending_start)
{
	.line = "contending_start", .bug = BUG_SCHEDULING,
};

FIXTURE_VARIANT_ADD(mistakes, contending_end) { .line = "contending_end", .bug = BUG_SCHEDULING };

FIXTURE_VARIANT_ADD(mistakes, contending_interval)
{
	.line = "contending_interval" IN_AREA, .interval = true, .ends = ENDS_NONE,
};

FIXTURE_VARIANT_ADD(mistakes, locking_start) { .line = "locking_start", .bug = BUG_MIGHT_SLEEP };

FIXTURE_VARIANT_ADD(mistakes, locking_end) { .line = "locking_end", .bug = BUG_MIGHT_SLEEP };

FIXTURE_VARIANT_ADD(mistakes, locking_interval)
{
	.line = "locking_interval" IN_AREA, .interval = true, .ends = ENDS_NONE,
};

FIXTURE_VARIANT_ADD(mistakes, allocating_start)
{
	.line = "allocating_start", .bug = BUG_MIGHT_SLEEP,
};

FIXTURE_VARIANT_ADD(mistakes, allocating_end) { .line = "allocating_end", .bug = BUG_MIGHT_SLEEP };

FIXTURE_VARIANT_ADD(mistakes, allocating_interval)
{
	.line = "allocating_interval" IN_AREA, .interval = true, .ends = ENDS_NONE,
};

FIXTURE_VARIANT_ADD(mistakes, yielding_start) { .line = "yielding_start" };

FIXTURE_VARIANT_ADD(mistakes, yielding_end) { .line = "yielding_end" };

FIXTURE_VARIANT_ADD(mistakes, yielding_interval)
{
	.line = "yielding_interval" IN_AREA, .interval = true, .ends = ENDS_NONE,
};

FIXTURE_VARIANT_ADD(mistakes, spinning_start) { .line = "spinning_start" };

FIXTURE_VARIANT_ADD(mistakes, spinning_end) { .line = "spinning_end" };

FIXTURE_VARIANT_ADD(mistakes, spinning_interval)
{
	.line = "spinning_interval" IN_AREA, .interval = true, .ends = ENDS_NONE,
};

FIXTURE_VARIANT_ADD(mistakes, preempted_start) { .line = "preempted_start" };

FIXTURE_VARIANT_ADD(mistakes, preempted_end) { .line = "preempted_end" };

FIXTURE_VARIANT_ADD(mistakes, preempted_interval)
{
	.line = "preempted_interval" IN_AREA, .interval = true, .ends = ENDS_NONE,
};

FIXTURE_SETUP(mistakes)
{
	INSERT_MISTAKES();
	self->kmsg = kmsg_open(O_NONBLOCK);
	ASSERT_LE(0, self->kmsg);
	ASSERT_EQ(0, victim_start(&self->victim, MISTAKES_PAGES * getpagesize()));
	ASSERT_EQ(0, victim_trace_exit(&self->victim));
}

FIXTURE_TEARDOWN(mistakes)
{
	victim_kill(&self->victim);
	close(self->kmsg);
	EXPECT_EQ(0, module_remove(MISTAKES_MODULE));
}

#define EXPECT_CALLED(_begun, _ended)                                                   \
	do {                                                                            \
		struct mistakes_calls calls_ = {};                                      \
											\
		ASSERT_TRUE(mistakes_calls(variant->line, &calls_));                    \
		EXPECT_EQ(_begun, calls_.begun);                                        \
		EXPECT_EQ(_ended, calls_.ended);                                        \
	} while (0)

TEST_F_TIMEOUT(mistakes, made, MNCK_TIMEOUT)
{
	struct victim *v = &self->victim;
	char record[4096];
	long ranges;

	if (variant->warns)
		announce_core_warns();
	if (variant->bug)
		announce_sleep_bug(variant->bug);
	/* A mutex that is contended is one that might be slept for. */
	if (variant->bug && !strncmp(variant->line, "contending", strlen("contending")))
		announce_sleep_bug(BUG_MIGHT_SLEEP);
	ASSERT_EQ(0, victim_driver(v, variant->line));
	ASSERT_EQ(0, victim_do(v, VICTIM_MUNMAP, VICTIM_AREA, getpagesize()));
	EXPECT_CALLED(1, variant->ends == ENDS_NONE ? 0 : 1);

	/* The kernel says at most once a second that a callback might sleep. */
	if (variant->bug && !strcmp(variant->bug, BUG_MIGHT_SLEEP) && has_debug_atomic_sleep())
		sleep(2);
	ASSERT_EQ(0, victim_doom(v));
	ASSERT_EQ(0, proc_reapable(v->pid, &self->reap));
	ranges = 1 + (variant->interval ? 1 : self->reap.vmas);
	EXPECT_ERRNO(variant->error, victim_mrelease(v));
	EXPECT_CALLED(ranges, variant->ends == ENDS_NONE ? 0 :
		      variant->ends == ENDS_BLOCKABLE ? 1 : ranges);
	if (variant->failed)
		EXPECT_EQ(0, kmsg_find(self->kmsg, &variant->failed, 1, record, sizeof(record)));
}

/* A start that hangs goes on when it may. */
FIXTURE(hanging)
{
	struct victim victim;
};

FIXTURE_SETUP(hanging)
{
	INSERT_MISTAKES();
	ASSERT_EQ(0, victim_start(&self->victim, MISTAKES_PAGES * getpagesize()));
}

FIXTURE_TEARDOWN(hanging)
{
	victim_kill(&self->victim);
	EXPECT_EQ(0, module_remove(MISTAKES_MODULE));
}

TEST_F_TIMEOUT(hanging, go, MNCK_TIMEOUT)
{
	struct victim *v = &self->victim;

	ASSERT_EQ(0, victim_driver(v, "hanging"));
	ASSERT_EQ(0, victim_send(v, VICTIM_MUNMAP, VICTIM_AREA, getpagesize()));
	WAIT_UNTIL(proc_sleeps_in(v->pid, v->pid, "hanging_start"));
	ASSERT_EQ(0, mistakes_let_go());
	EXPECT_EQ(0, victim_wait(v));
	EXPECT_EQ(0, victim_driver(v, "-hanging"));
	EXPECT_EQ(ENOENT, victim_driver(v, "-hanging"));
	EXPECT_EQ(EINVAL, victim_driver(v, "-unknown"));
}

TEST_F_TIMEOUT(hanging, killed, MNCK_TIMEOUT)
{
	struct victim *v = &self->victim;

	ASSERT_EQ(0, victim_driver(v, "hanging"));
	ASSERT_EQ(0, victim_send(v, VICTIM_MUNMAP, VICTIM_AREA, getpagesize()));
	WAIT_UNTIL(proc_sleeps_in(v->pid, v->pid, "hanging_start"));
	ASSERT_EQ(SIGKILL, WTERMSIG(victim_kill(v)));
}

/* A start waits for a mutex that a call of the device has kept. */
TEST_F_TIMEOUT(hanging, mutex, MNCK_TIMEOUT)
{
	struct victim *v = &self->victim;
	int device;

	ASSERT_EQ(0, victim_driver(v, "unlocks_mutex"));
	device = mistakes_subscribe("use");
	ASSERT_LE(0, device);
	ASSERT_EQ(0, victim_do(v, VICTIM_MUNMAP, VICTIM_AREA, getpagesize()));

	ASSERT_EQ(0, victim_driver(v, "keeps_mutex"));
	ASSERT_EQ(4, write(device, "keep", 4));
	ASSERT_EQ(0, victim_send(v, VICTIM_MUNMAP, VICTIM_AREA + getpagesize(), getpagesize()));
	WAIT_UNTIL(proc_stack_has(v->pid, v->pid, "keeps_mutex_start"));
	ASSERT_EQ(0, close(device));
	EXPECT_EQ(0, victim_wait(v));
}

/* A driver removes an interval that was not inserted, and the core warns. */
TEST_F_TIMEOUT(hanging, uninserted, MNCK_TIMEOUT)
{
	struct victim *v = &self->victim;

	EXPECT_EQ(EOVERFLOW, victim_driver(v, "inserted" TOO_LONG));
	EXPECT_EQ(0, victim_driver(v, "uninserted" TOO_LONG));
	announce_core_warns();
	EXPECT_EQ(0, victim_driver(v, "-uninserted"));
	ASSERT_EQ(0, victim_do(v, VICTIM_MUNMAP, VICTIM_AREA, getpagesize()));
}

/* The flush of a secondary TLB sleeps; munmap() holds no lock of a page table then. */
TEST_F_TIMEOUT(hanging, tlbs, MNCK_TIMEOUT)
{
	struct mistakes_calls calls = {};

	for (int i = 0; i < 2; i++) {
		const char *line = i ? "sleeping_tlbs" : "clean_tlbs";

		ASSERT_EQ(0, victim_driver(&self->victim, line));
		ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP,
				       VICTIM_AREA + i * getpagesize(), getpagesize()));
		ASSERT_TRUE(mistakes_calls(line, &calls));
		EXPECT_LE(1, calls.begun);
	}
}

/* A driver that goes too early does no harm here. */
FIXTURE(leaver)
{
};

FIXTURE_VARIANT(leaver)
{
	const char *parameter;
};

FIXTURE_VARIANT_ADD(leaver, tidy) { .parameter = "driver=tidy" };
FIXTURE_VARIANT_ADD(leaver, left) { .parameter = "driver=left" };
FIXTURE_VARIANT_ADD(leaver, put_tidy) { .parameter = "driver=put_tidy" };
FIXTURE_VARIANT_ADD(leaver, put) { .parameter = "driver=put" };

FIXTURE_SETUP(leaver)
{
	INSERT_MISTAKES();
}

FIXTURE_TEARDOWN(leaver)
{
	EXPECT_EQ(0, module_remove(MISTAKES_MODULE));
}

TEST_F_TIMEOUT(leaver, removed, MNCK_TIMEOUT)
{
	char *page;

	ASSERT_EQ(0, module_insert(LEAVER_VARIABLE, LEAVER_MODULE, variant->parameter));
	for (int round = 0; round < 2; round++) {
		page = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		ASSERT_NE(MAP_FAILED, page);
		*page = 1;
		ASSERT_EQ(0, munmap(page, getpagesize()));
		if (!round)
			ASSERT_EQ(0, module_remove(LEAVER_MODULE));
	}
}

TEST_HARNESS_MAIN
