// SPDX-License-Identifier: GPL-2.0
/*
 * The module's parameters are written at run time, while callbacks run, and take effect.
 */
#include <time.h>

#include "file.h"
#include "kmsg.h"
#include "mnck_harness.h"
#include "module.h"
#include "observed.h"
#include "option.h"
#include "proc.h"
#include "victim.h"
#include "violation.h"

#define AREA_PAGES MISTAKES_PAGES
#define PARAMETER(_name) "/sys/module/mnck/parameters/" _name
#define LATENCY PARAMETER("latency_limit_ms")
#define WAIT PARAMETER("wait_limit_ms")
#define PROBES PARAMETER("probes")
#define MAX_SUBSCRIBERS PARAMETER("max_subscribers")
#define STALL PARAMETER("stall_limit_ms")
#define CHAIN_SLOTS PARAMETER("chain_slots")

static const struct {
	const char *path;
	/* The default, as the file has it. */
	const char *value;
	/* Another. */
	const char *other;
} parameters[] = {
	{ MAX_SUBSCRIBERS, "1024\n", "7\n" },
	{ WAIT, "10000\n", "7\n" },
	{ LATENCY, "0\n", "7\n" },
	{ STALL, "10000\n", "7\n" },
	{ PROBES, "0\n", "1\n" },
	{ CHAIN_SLOTS, "32\n", "7\n" },
};

FIXTURE(parameters)
{
	int fd;
	int log;
	size_t page;
	struct victim victim;
	struct subscriber trylock;
};

FIXTURE_SETUP(parameters)
{
	self->page = getpagesize();
	self->log = kmsg_open(O_NONBLOCK);
	ASSERT_LE(0, self->log);
	ASSERT_EQ(0, victim_start(&self->victim, AREA_PAGES * self->page));
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_TRYLOCK, &self->trylock));
}

FIXTURE_TEARDOWN(parameters)
{
	for (size_t i = 0; i < ARRAY_SIZE(parameters); i++)
		EXPECT_EQ(0, file_write(parameters[i].path, parameters[i].value));
	EXPECT_EQ(0, close(self->fd));
	EXPECT_EQ(0, close(self->log));
	victim_kill(&self->victim);
}

#define SET(_path, _value) ASSERT_EQ(0, file_write(_path, _value))

/* The file of a parameter has this line. */
#define EXPECT_VALUE(_path, _line)                                                      \
	do {                                                                            \
		char text_[64];                                                         \
											\
		file_read(text_, sizeof(text_), _path);                                 \
		EXPECT_STREQ(_line, text_);                                             \
	} while (0)

/* Lets the victim change a page, and waits until it sleeps in the trylock's start. */
#define HOLD()                                                                          \
	do {                                                                            \
		ASSERT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_HOLD));                \
		ASSERT_EQ(0, victim_send(&self->victim, VICTIM_DONTNEED, VICTIM_AREA,   \
					 self->page));                                  \
		/* A victim that waits for orders is in state S. */                     \
		WAIT_UNTIL(proc_state(self->victim.pid, self->victim.pid) == 'D');      \
	} while (0)

#define LET_GO()                                                                        \
	do {                                                                            \
		ASSERT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_RELEASE));             \
		ASSERT_EQ(0, victim_wait(&self->victim));                               \
	} while (0)

/* Each parameter can be read and written; what is no number in its limits changes nothing. */
TEST_F_TIMEOUT(parameters, values, MNCK_TIMEOUT)
{
	static const char * const bad[] = {
		"-1", "abc", "1 2", "1ms", "4294967296", "99999999999999999999", "\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(parameters); i++) {
		EXPECT_VALUE(parameters[i].path, parameters[i].value);
		SET(parameters[i].path, parameters[i].other);
		EXPECT_VALUE(parameters[i].path, parameters[i].other);
		for (size_t j = 0; j < ARRAY_SIZE(bad); j++) {
			EXPECT_ERRNO(EINVAL, file_write(parameters[i].path, bad[j]))
				TH_LOG("%s: %s", parameters[i].path, bad[j]);
		}
		EXPECT_VALUE(parameters[i].path, parameters[i].other);
	}
	EXPECT_ERRNO(EINVAL, file_write(PROBES, "2"));
	EXPECT_ERRNO(EINVAL, file_write(LATENCY, "2147483648"));
	EXPECT_ERRNO(EINVAL, file_write(CHAIN_SLOTS, "4097"));
}

/* A callback that began without a limit is not judged; from then on each is. */
TEST_F_TIMEOUT(parameters, latency, MNCK_TIMEOUT)
{
	char begin[128];

	snprintf(begin, sizeof(begin), "mnck: latency: trylock %llu: start took ",
		 stats_now(&self->trylock).serial);
	ksft_print_msg("mnck-expect: WARN %s\n", begin);

	HOLD();
	usleep(20 * 1000);
	SET(LATENCY, "1");
	LET_GO();
	EXPECT_NO_LINE(self->log);

	HOLD();
	usleep(20 * 1000);
	LET_GO();
	EXPECT_EQ(1, stats_now(&self->trylock).violations[MNCK_RULE_LATENCY]);

	/* One that began with a limit is not judged if there is none at its end. */
	HOLD();
	usleep(20 * 1000);
	SET(LATENCY, "0");
	LET_GO();
	EXPECT_EQ(1, stats_now(&self->trylock).violations[MNCK_RULE_LATENCY]);
}

/* A start waits for the limit that it finds. */
TEST_F_TIMEOUT(parameters, wait, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_HOLD));
	/* With this, longer than the test may take, the start would not return. */
	SET(WAIT, "1000000");
	SET(WAIT, "1");
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_DONTNEED, VICTIM_AREA, self->page));
	ASSERT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_RELEASE));
}

/* The greatest number of subscribers is that at the moment of an attach. */
TEST_F_TIMEOUT(parameters, max_subscribers, MNCK_TIMEOUT)
{
	struct subscriber sub;

	SET(MAX_SUBSCRIBERS, "1");
	EXPECT_ERRNO(ENOSPC, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_COUNTER, &sub));
	SET(MAX_SUBSCRIBERS, "2");
	EXPECT_EQ(0, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_COUNTER, &sub));
}

/* The victim's driver takes a mutex in each range, which is free. */
#define LOCKING OF_MISTAKES("locking_invalidate")

/* The victim is reaped, which the driver hears once. */
#define EXPECT_LOCKED(_times)                                                           \
	do {                                                                            \
		long calls_ = probed_calls(LOCKING);                                    \
											\
		ASSERT_EQ(0, victim_mrelease(&self->victim));                           \
		EXPECT_EQ(calls_ + 1, probed_calls(LOCKING));                           \
		WAIT_UNTIL(broken("non-block", LOCKING) >= (_times));                   \
		EXPECT_EQ(_times, broken("non-block", LOCKING));                        \
	} while (0)

/* A callback that might have slept is reported only while the probes are on. */
TEST_F_TIMEOUT(parameters, probes, MNCK_TIMEOUT)
{
	REQUIRE_OPTION(has_lockdep(), "PROVE_LOCKING");
	WATCH_MISTAKES();
	ASSERT_EQ(0, victim_driver(&self->victim, "locking_interval" IN_AREA));
	WAIT_UNTIL_PROBED(LOCKING);
	announce_broken("non-block", LOCKING);
	ASSERT_EQ(0, victim_trace_exit(&self->victim));
	ASSERT_EQ(0, victim_doom(&self->victim));

	EXPECT_LOCKED(0);
	SET(PROBES, "1");
	EXPECT_LOCKED(1);
	SET(PROBES, "0");
	EXPECT_LOCKED(1);
	SET(PROBES, "1");
	EXPECT_LOCKED(2);
	/* Its file, and with it the driver, goes before the module can. */
	victim_kill(&self->victim);
	UNWATCH_MISTAKES();
}

/* Switches come and go while callbacks run, and a correct subscriber is not accused. */
TEST_F_TIMEOUT(parameters, switched, MNCK_TIMEOUT)
{
	struct mnck_stats before = stats_now(&self->trylock);

	for (int i = 0; i < 8; i++) {
		HOLD();
		SET(PROBES, i % 2 ? "0" : "1");
		LET_GO();
		HOLD();
		SET(LATENCY, i % 3 ? "0" : "60000");
		LET_GO();
	}
	EXPECT_EQ(before.starts + 16, stats_now(&self->trylock).starts);
	EXPECT_NO_VIOLATION(&self->trylock);
	EXPECT_NO_LINE(self->log);
}

/* The probes do not stay behind if the module is not loaded, for another bad parameter. */
TEST_F_TIMEOUT(parameters, insmod, MNCK_TIMEOUT)
{
	REQUIRE_MNCK_KO();
	ASSERT_EQ(0, close(self->fd));
	ASSERT_EQ(0, mnck_remove());
	EXPECT_ERRNO(EINVAL, mnck_insert("probes=1 latency_limit_ms=abc"));
	EXPECT_EQ(0, mnck_insert("probes=1 latency_limit_ms=60000"));
	EXPECT_VALUE(PROBES, "1\n");
	EXPECT_VALUE(LATENCY, "60000\n");
	EXPECT_EQ(0, mnck_remove());
	EXPECT_EQ(0, mnck_insert(""));
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
}

TEST_HARNESS_MAIN
