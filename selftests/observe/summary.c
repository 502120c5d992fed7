// SPDX-License-Identifier: GPL-2.0
/*
 * What the summary of a watch says while drivers come and go: each callback once, and what was
 * not seen of a driver before its callbacks were probed.
 */
#include "file.h"
#include "mnck_harness.h"
#include "observed.h"
#include "records.h"
#include "victim.h"

#define CLEAN_START OF_MISTAKES("clean_start")
#define CLEAN_END OF_MISTAKES("clean_end")
#define OF_LEAVER(_function) _function " [" LEAVER_MODULE "]"

FIXTURE(summary)
{
	int watch;
	size_t page;
	struct victim victim;
};

FIXTURE_SETUP(summary)
{
	self->page = getpagesize();
	self->watch = -1;
	REQUIRE_TABLES();
	REQUIRE_OPTION(has_fprobe(), "FPROBE");
	INSERT_MISTAKES();
	ASSERT_EQ(0, victim_start(&self->victim, MISTAKES_PAGES * self->page));
	self->watch = watch_process(self->victim.pid);
	ASSERT_LE(0, self->watch);
}

FIXTURE_TEARDOWN(summary)
{
	if (self->watch >= 0)
		EXPECT_EQ(0, close(self->watch));
	victim_kill(&self->victim);
	EXPECT_EQ(0, module_remove(MISTAKES_MODULE));
}

#define UNMAP(_nr)                                                                      \
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA + (_nr) * self->page, \
			       self->page))

/* A module goes while the summary is read: the callbacks behind its come all the same, once. */
TEST_F_TIMEOUT(summary, unloaded, MNCK_TIMEOUT)
{
	int starts = 0, ends = 0;
	union record record;

	ASSERT_EQ(0, module_insert(LEAVER_VARIABLE, LEAVER_MODULE, "driver=tidy"));
	WAIT_UNTIL_PROBED(OF_LEAVER("tidy_start"));
	ASSERT_EQ(0, victim_driver(&self->victim, "clean"));
	WAIT_UNTIL_PROBED(CLEAN_END);
	UNMAP(0);

	ASSERT_EQ(0, ioctl(self->watch, MNCK_SUMMARY));
	do {
		ASSERT_EQ(0, record_read(self->watch, &record));
		ASSERT_NE(MNCK_RECORD_UNSEEN, record.type);
	} while (record.type != MNCK_RECORD_CALLBACK ||
		 strcmp(record.callback.name, OF_LEAVER("tidy_start")));
	ASSERT_EQ(0, module_remove(LEAVER_MODULE));
	do {
		ASSERT_EQ(0, record_read(self->watch, &record));
		if (record.type != MNCK_RECORD_CALLBACK)
			continue;
		starts += !strcmp(record.callback.name, CLEAN_START);
		ends += !strcmp(record.callback.name, CLEAN_END);
		EXPECT_EQ(1, record.callback.calls) TH_LOG("%s", record.callback.name);
	} while (record.type != MNCK_RECORD_UNSEEN);
	EXPECT_EQ(1, starts);
	EXPECT_EQ(1, ends);
	EXPECT_FALSE(record_is_ready(self->watch));
}

/*
 * A range that begins before the callbacks of its driver are probed is counted.  The work item
 * that probes them is held back until then.
 */
TEST_F_TIMEOUT(summary, late, MNCK_TIMEOUT)
{
	struct mnck_record_callback c;
	struct mnck_record_unseen unseen;
	struct mistakes_calls calls = {};
	int device = mistakes_subscribe("hold");
	char line[80];
	__u64 late;

	ASSERT_LE(0, device);
	ASSERT_EQ(0, victim_driver(&self->victim, "clean"));
	UNMAP(0);
	ASSERT_TRUE(mistakes_calls("clean", &calls));
	late = calls.begun;
	EXPECT_LE(1, late);
	EXPECT_EQ(-1, probed_calls(CLEAN_START));

	/* A summary waits until it is probed. */
	ASSERT_EQ(7, write(device, "release", 7));
	WAIT_UNTIL_PROBED(CLEAN_START);
	UNMAP(1);
	ASSERT_TRUE(mistakes_calls("clean", &calls));
	ASSERT_EQ(0, summary_read(self->watch, CLEAN_START, &c, &unseen));
	EXPECT_EQ(late, unseen.late);
	EXPECT_EQ((__u64)calls.begun - late, c.calls);
	EXPECT_FALSE(saw_all(&unseen));
	unseen.late = 0;
	EXPECT_TRUE(saw_all(&unseen));
	snprintf(line, sizeof(line), "(%llu ranges began while a driver was not probed yet)", late);
	EXPECT_TRUE(table_has("drivers", line)) TH_LOG("%s", line);
	EXPECT_EQ(0, close(device));
}

/* A driver gets a subscription that it has already: there is no new one. */
TEST_F_TIMEOUT(summary, counted, MNCK_TIMEOUT)
{
	static const char of_put[] = OF_LEAVER("put_tidy_ops");
	int own = watch_process(0);
	union record record;

	ASSERT_LE(0, own);
	ASSERT_EQ(0, module_insert(LEAVER_VARIABLE, LEAVER_MODULE, "driver=put_tidy"));
	WAIT_UNTIL_PROBED(OF_LEAVER("put_tidy_start"));
	ASSERT_EQ(0, module_remove(LEAVER_MODULE));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, record_read(own, &record));
		EXPECT_EQ(i ? MNCK_RECORD_UNREGISTERED : MNCK_RECORD_REGISTERED, record.type);
		EXPECT_STREQ(of_put, record.event.driver);
	}
	EXPECT_FALSE(record_is_ready(own));
	EXPECT_EQ(0, close(own));
}

TEST_HARNESS_MAIN
