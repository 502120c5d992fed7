// SPDX-License-Identifier: GPL-2.0
/*
 * Modules of drivers come and go while mnck watches all drivers.  Rule lifetime: a module that
 * goes has no subscription left, and none that it has put but that is not freed yet.
 */
#include "child.h"
#include "file.h"
#include "kmsg.h"
#include "mnck_harness.h"
#include "observed.h"
#include "proc.h"
#include "victim.h"
#include "violation.h"

#define CLEAN OF_MISTAKES("clean_start")
#define OF_LEAVER(_function) _function " [" LEAVER_MODULE "]"

/* More often than the table of drivers could be wrong by chance. */
#define LIVES 5

FIXTURE(reloaded)
{
	struct victim victim;
};

FIXTURE_SETUP(reloaded)
{
	REQUIRE_TABLES();
	REQUIRE_OPTION(has_fprobe(), "FPROBE");
	ASSERT_EQ(0, mnck_set_parameter("watch", 1));
}

FIXTURE_TEARDOWN(reloaded)
{
	victim_kill(&self->victim);
	EXPECT_EQ(0, mnck_set_parameter("watch", 0));
}

/* Its functions may be at the same addresses: each time they are found and probed anew. */
TEST_F_TIMEOUT(reloaded, driver, 2 * MNCK_TIMEOUT)
{
	struct mistakes_calls before = {}, after = {};
	struct victim *v = &self->victim;

	for (int life = 1; life <= LIVES; life++) {
		INSERT_MISTAKES();
		ASSERT_EQ(0, victim_start(v, MISTAKES_PAGES * getpagesize()));
		ASSERT_EQ(0, victim_driver(v, "clean"));
		WAIT_UNTIL_PROBED(CLEAN);
		ASSERT_TRUE(mistakes_calls("clean", &before));
		for (int page = 0; page < life % MISTAKES_PAGES; page++)
			ASSERT_EQ(0, victim_do(v, VICTIM_MUNMAP, VICTIM_AREA + page * getpagesize(),
					       getpagesize()));
		ASSERT_TRUE(mistakes_calls("clean", &after));
		EXPECT_EQ(life % MISTAKES_PAGES, after.begun - before.begun);
		EXPECT_EQ(after.begun - before.begun, probed_calls(CLEAN));
		ASSERT_EQ(SIGKILL, WTERMSIG(victim_kill(v)));
		ASSERT_EQ(0, module_remove(MISTAKES_MODULE));
		EXPECT_EQ(-1, probed_calls(CLEAN));
	}
}

/* The subscriptions of a module are those of this process, which inserts it. */
FIXTURE(lifetime)
{
	int kmsg;
	struct victim victim;
	pid_t remover;
};

FIXTURE_VARIANT(lifetime)
{
	/* Which driver the module has, and its callback. */
	const char *driver;
	const char *function;
	/* What mnck reports, if it is wrong. */
	const char *what;
	/* Whether it puts the subscription, which is not freed as long as any start hangs. */
	bool puts;
};

FIXTURE_VARIANT_ADD(lifetime, left)
{
	.driver = "driver=left", .function = OF_LEAVER("left_behind_start"),
	.what = "unloaded, but subscribed to process ",
};

FIXTURE_VARIANT_ADD(lifetime, tidy)
{
	.driver = "driver=tidy", .function = OF_LEAVER("tidy_start"),
};

FIXTURE_VARIANT_ADD(lifetime, put)
{
	.driver = "driver=put", .function = OF_LEAVER("put_start"), .puts = true,
	.what = "unloaded",
};

FIXTURE_VARIANT_ADD(lifetime, put_tidy)
{
	.driver = "driver=put_tidy", .function = OF_LEAVER("put_tidy_start"), .puts = true,
};

FIXTURE_SETUP(lifetime)
{
	WATCH_MISTAKES();
	self->kmsg = kmsg_open(O_NONBLOCK);
	ASSERT_LE(0, self->kmsg);
	ASSERT_EQ(0, victim_start(&self->victim, MISTAKES_PAGES * getpagesize()));
}

FIXTURE_TEARDOWN(lifetime)
{
	victim_kill(&self->victim);
	UNWATCH_MISTAKES();
	close(self->kmsg);
}

/* Returns whether the module is there as before. */
static bool is_live(const char *module)
{
	char path[64], state[16];

	snprintf(path, sizeof(path), "/sys/module/%s/initstate", module);
	file_read(state, sizeof(state), path);
	return !strcmp(state, "live\n");
}

TEST_F_TIMEOUT(lifetime, module, MNCK_TIMEOUT)
{
	struct victim *v = &self->victim;
	char record[4096], pid[16];
	const char *line;

	ASSERT_EQ(0, module_insert(LEAVER_VARIABLE, LEAVER_MODULE, variant->driver));
	WAIT_UNTIL_PROBED(variant->function);
	if (variant->puts) {
		ASSERT_EQ(0, victim_driver(v, "hanging"));
		ASSERT_EQ(0, victim_send(v, VICTIM_MUNMAP, VICTIM_AREA, getpagesize()));
		WAIT_UNTIL(proc_sleeps_in(v->pid, v->pid, "hanging_start"));
	}
	if (variant->what)
		announce_broken("lifetime", variant->function);
	self->remover = fork();
	ASSERT_LE(0, self->remover);
	if (!self->remover)
		_exit(!!module_remove(LEAVER_MODULE));
	WAIT_UNTIL(!is_live(LEAVER_MODULE));
	if (variant->what) {
		WAIT_UNTIL(broken("lifetime", variant->function));
		line = first_broken("lifetime", variant->function);
		EXPECT_NE(NULL, strstr(line, variant->what)) TH_LOG("%s", line);
		snprintf(pid, sizeof(pid), " %d", getpid());
		EXPECT_NE(NULL, strstr(line, pid)) TH_LOG("%s: not %s", line, pid);
	}
	if (variant->puts) {
		ASSERT_EQ(0, mistakes_let_go());
		ASSERT_EQ(0, victim_wait(v));
	}
	JOIN_CHILD(self->remover);
	EXPECT_EQ(-1, probed_calls(variant->function));

	ASSERT_EQ(0, mnck_set_parameter("watch", 0));
	if (variant->what)
		WAIT_UNTIL(next_line(self->kmsg, record, sizeof(record)));
	EXPECT_NO_LINE(self->kmsg);
}

TEST_HARNESS_MAIN
