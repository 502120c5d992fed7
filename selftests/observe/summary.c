// SPDX-License-Identifier: GPL-2.0
/*
 * What the summary of a watch says while drivers come and go: each callback once.
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

TEST_HARNESS_MAIN
