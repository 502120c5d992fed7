// SPDX-License-Identifier: GPL-2.0
/*
 * The tables in debugfs show subscribers that keep all rules, their open ranges, and
 * a subscriber that breaks rule latency.
 *
 * The counter is attached last, so the core calls it first: while the trylock's start
 * waits for its lock, the counter has a range open.
 */
#include "chain.h"
#include "interval.h"
#include "mnck_harness.h"
#include "module.h"
#include "proc.h"
#include "table.h"
#include "victim.h"

#define AREA_PAGES 4
#define LIMIT_MS 50

/* A line of the table of open ranges. */
struct open_range {
	char event[32];
	unsigned long start;
	unsigned long end;
	char mode[32];
	unsigned long age_ms;
	char task[64];
	char initiator[64];
};

/* Reads the line of subscriber @name; returns whether it has one. */
static bool open_range(const char *name, struct open_range *range)
{
	const char *line = table_row("open", name);

	return line && sscanf(line + strlen(name), "%31s %lx-%lx %31s %lu %63s %63s",
			      range->event, &range->start, &range->end, range->mode, &range->age_ms,
			      range->task, range->initiator) == 7;
}

FIXTURE(check)
{
	int fd;
	size_t page;
	pid_t pid;
	struct victim victim;
	struct subscriber trylock;
	struct subscriber counter;
};

FIXTURE_SETUP(check)
{
	self->fd = -1;
	self->page = getpagesize();
	REQUIRE_TABLES();
	ASSERT_EQ(0, victim_start(&self->victim, AREA_PAGES * self->page));
	self->pid = self->victim.pid;
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_TRYLOCK, &self->trylock));
	ASSERT_EQ(0, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_COUNTER, &self->counter));
}

FIXTURE_TEARDOWN(check)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	victim_kill(&self->victim);
}

/* Lets the victim unmap its first page, and waits until it sleeps in the trylock's start. */
#define HOLD()                                                                          \
	do {                                                                            \
		ASSERT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_HOLD));                \
		ASSERT_EQ(0, victim_send(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, self->page)); \
		/* Its state is D before it has left its CPU, and its stack can be read. */ \
		WAIT_UNTIL(proc_stack_has(self->victim.pid, self->victim.pid,           \
					  "invalidate_range_start"));                   \
	} while (0)

/* Lets the trylock's start go on, and waits until the page is unmapped. */
#define LET_GO()                                                                        \
	do {                                                                            \
		ASSERT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_RELEASE));             \
		ASSERT_EQ(0, victim_wait(&self->victim));                               \
	} while (0)

/* The line of subscriber @_name: its state, its open ranges, and the rules that it broke. */
#define EXPECT_SUBSCRIBER(_name, _state, _open, _broken)                                \
	do {                                                                            \
		const char *name_ = (_name);                                            \
		const char *line_ = table_row("subscribers", name_);                    \
		char state_[16] = "", broken_[64] = "";                                 \
		unsigned long open_ = ~0UL;                                             \
		int pid_ = -1, read_;                                                   \
											\
		ASSERT_NE(NULL, line_);                                                 \
		read_ = sscanf(line_ + strlen(name_), "%d %15s %lu %63[^\n]",           \
			       &pid_, state_, &open_, broken_);                         \
		EXPECT_EQ(4, read_);                                                    \
		EXPECT_EQ(self->pid, pid_);                                             \
		EXPECT_STREQ(_state, state_)                                            \
			TH_LOG("%s", name_);                                            \
		EXPECT_EQ(_open, open_);                                                \
		EXPECT_STREQ(_broken, broken_);                                         \
	} while (0)

/* The table of subscribers follows each of them from its attach to its detach. */
TEST_F_TIMEOUT(check, subscribers, MNCK_TIMEOUT)
{
	const char *counter = subscriber_name("counter", &self->counter);
	const char *trylock = subscriber_name("trylock", &self->trylock);
	struct mnck_stats stats;

	EXPECT_SUBSCRIBER(counter, "attached", 0, "-");
	EXPECT_SUBSCRIBER(trylock, "attached", 0, "-");

	HOLD();
	EXPECT_SUBSCRIBER(counter, "attached", 1, "-");
	EXPECT_SUBSCRIBER(trylock, "attached", 0, "-");
	LET_GO();
	EXPECT_SUBSCRIBER(counter, "attached", 0, "-");

	ASSERT_EQ(0, victim_send(&self->victim, VICTIM_EXIT, NULL, 0));
	ASSERT_EQ(0, victim_join(&self->victim));
	EXPECT_NE(NULL, strstr(table_row("subscribers", counter) ?: "", " released "));

	ASSERT_EQ(0, mnck_detach(&self->counter, &stats));
	EXPECT_EQ(NULL, table_row("subscribers", counter));
	EXPECT_NE(NULL, table_row("subscribers", trylock));
	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_EQ(NULL, table_row("subscribers", trylock));
}

/* Each kind of subscriber is shown as released when the process has exited. */
TEST_F_TIMEOUT(check, released, MNCK_TIMEOUT)
{
	static const struct {
		__u32 kind;
		const char *name;
	} kinds[] = {
		{ MNCK_KIND_COUNTER, "counter" }, { MNCK_KIND_TRYLOCK, "trylock" },
		{ MNCK_KIND_SECONDARY_TLB, "secondary_tlb" }, { MNCK_KIND_AGING, "aging" },
		{ MNCK_KIND_SHARED, "shared" }, { MNCK_KIND_MIRROR, "mirror" },
		{ MNCK_KIND_TWO_PASS, "two_pass" },
	};
	struct subscriber subs[ARRAY_SIZE(kinds)], chain, member;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		bool interval = kinds[i].kind == MNCK_KIND_MIRROR ||
				kinds[i].kind == MNCK_KIND_TWO_PASS;

		if (interval) {
			ASSERT_EQ(0, interval_attach(self->fd, self->victim.pid, kinds[i].kind, 0,
						     VICTIM_AREA, self->page, &subs[i]));
		} else {
			ASSERT_EQ(0, mnck_attach(self->fd, self->victim.pid, kinds[i].kind,
						 &subs[i]));
		}
	}
	ASSERT_EQ(0, chain_attach(self->fd, self->victim.pid, &chain));
	ASSERT_EQ(0, chain_join(&chain, MNCK_KIND_COUNTER, &member));

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		EXPECT_SUBSCRIBER(subscriber_name(kinds[i].name, &subs[i]), "attached", 0, "-");
	EXPECT_SUBSCRIBER(subscriber_name("chain", &chain), "attached", 0, "-");
	EXPECT_SUBSCRIBER(subscriber_name("counter", &member), "attached", 0, "-");

	ASSERT_EQ(0, victim_send(&self->victim, VICTIM_EXIT, NULL, 0));
	ASSERT_EQ(0, victim_join(&self->victim));
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		EXPECT_SUBSCRIBER(subscriber_name(kinds[i].name, &subs[i]), "released", 0, "-");
	EXPECT_SUBSCRIBER(subscriber_name("chain", &chain), "released", 0, "-");
	EXPECT_SUBSCRIBER(subscriber_name("counter", &member), "released", 0, "-");
}

/* The table of open ranges has the range, its age, its task and the function of mm. */
TEST_F_TIMEOUT(check, open, MNCK_TIMEOUT)
{
	const char *counter = subscriber_name("counter", &self->counter);
	const char *trylock = subscriber_name("trylock", &self->trylock);
	struct open_range range, later;
	char task[64];

	EXPECT_FALSE(open_range(counter, &range));
	HOLD();
	ASSERT_TRUE(open_range(counter, &range));
	EXPECT_STREQ("UNMAP", range.event);
	EXPECT_EQ((unsigned long)VICTIM_AREA, range.start);
	EXPECT_EQ((unsigned long)VICTIM_AREA + self->page, range.end);
	EXPECT_STREQ("blockable", range.mode);
	snprintf(task, sizeof(task), "check[%d]", self->victim.pid);
	EXPECT_STREQ(task, range.task);
	EXPECT_STREQ("unmap_vmas", range.initiator);

	usleep(20 * 1000);
	ASSERT_TRUE(open_range(counter, &later));
	EXPECT_LE(range.age_ms + 20, later.age_ms);

	/* A subscriber without an end callback has no open ranges. */
	EXPECT_FALSE(open_range(trylock, &range));
	LET_GO();
	EXPECT_FALSE(open_range(counter, &range));
}

/* A detach, a refusal and an exit of the process break no rule. */
TEST_F_TIMEOUT(check, clean, MNCK_TIMEOUT)
{
	static const char * const rules[] = {
		"pairing", "failure", "failing-end", "non-block", "reclaim", "sequence",
		"release", "latency", "stall",
	};
	struct mnck_stats stats[3];
	struct subscriber third;
	long before[ARRAY_SIZE(rules)];

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		before[i] = rule_count(rules[i]);
		EXPECT_LE(0, before[i]);
	}

	ASSERT_EQ(0, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_COUNTER, &third));
	HOLD();
	LET_GO();
	ASSERT_EQ(0, mnck_detach(&third, &stats[2]));
	ASSERT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_HOLD));
	ASSERT_EQ(0, victim_trace_exit(&self->victim));
	ASSERT_EQ(0, kill(self->victim.pid, SIGKILL));
	ASSERT_EQ(0, victim_wait_exit_stop(&self->victim));
	EXPECT_ERRNO(EAGAIN, victim_mrelease(&self->victim));
	ASSERT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_RELEASE));
	ASSERT_LE(0, victim_join(&self->victim));

	ASSERT_EQ(0, mnck_detach(&self->trylock, &stats[0]));
	ASSERT_EQ(0, mnck_detach(&self->counter, &stats[1]));
	EXPECT_LE(1, stats[0].refusals);
	EXPECT_LE(1, stats[1].non_blockable);
	EXPECT_EQ(1, stats[2].ends);
	for (int i = 0; i < MNCK_RULES; i++)
		EXPECT_EQ(0, stats[0].violations[i] + stats[1].violations[i] +
			     stats[2].violations[i]);
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		EXPECT_EQ(before[i], rule_count(rules[i]));
}

/* The module cannot be removed while one of its tables is open. */
TEST_F_TIMEOUT(check, reader_keeps_module, MNCK_TIMEOUT)
{
	char byte;
	int fd;

	victim_kill(&self->victim);
	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;

	fd = open(TABLES "subscribers", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_ERRNO(EWOULDBLOCK, mnck_remove());
	EXPECT_EQ(1, read(fd, &byte, 1));
	ASSERT_EQ(0, close(fd));

	ASSERT_EQ(0, mnck_remove());
	EXPECT_ERRNO(ENOENT, access(TABLES, F_OK));
	ASSERT_EQ(0, mnck_insert(""))
		TH_LOG("set MNCK_KO");
}

FIXTURE(limit)
{
	int fd;
	struct victim victim;
	struct subscriber trylock;
	size_t page;
	bool inserted;
};

FIXTURE_SETUP(limit)
{
	char params[32];

	self->fd = -1;
	self->inserted = false;
	self->page = getpagesize();
	REQUIRE_TABLES();
	snprintf(params, sizeof(params), "latency_limit_ms=%d", LIMIT_MS);
	ASSERT_EQ(0, mnck_remove());
	self->inserted = true;
	ASSERT_EQ(0, mnck_insert(params));
	ASSERT_EQ(0, victim_start(&self->victim, AREA_PAGES * self->page));
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_TRYLOCK, &self->trylock));
}

FIXTURE_TEARDOWN(limit)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	victim_kill(&self->victim);
	if (self->inserted) {
		EXPECT_EQ(0, mnck_remove());
		EXPECT_EQ(0, mnck_insert(""));
	}
}

/* Rule latency: each start that takes too long is counted, and only the first is a WARN. */
TEST_F_TIMEOUT(limit, start_takes_longer, MNCK_TIMEOUT)
{
	const char *name = subscriber_name("trylock", &self->trylock);
	struct mnck_stats stats;
	const char *line;

	ksft_print_msg("mnck-expect: WARN mnck: latency: %s: start took\n", name);
	for (int i = 0; i < 2; i++) {
		HOLD();
		usleep(2 * LIMIT_MS * 1000);
		LET_GO();
		ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MAP_TOUCH, VICTIM_AREA, self->page));
	}

	ASSERT_EQ(0, mnck_stats(&self->trylock, &stats));
	EXPECT_LE(2, stats.violations[MNCK_RULE_LATENCY]);
	for (int i = 0; i < MNCK_RULES; i++)
		if (i != MNCK_RULE_LATENCY)
			EXPECT_EQ(0, stats.violations[i]);

	EXPECT_LE(2, rule_count("latency"));
	EXPECT_EQ(0, rule_count("pairing"));
	line = table_row("subscribers", name);
	EXPECT_NE(NULL, strstr(line ?: "", " latency "));
	/* The table has the violation, with the initiator. */
	line = table_row("violations", "  first latency:");
	ASSERT_NE(NULL, line);
	EXPECT_NE(NULL, strstr(line, name));
	EXPECT_NE(NULL, strstr(line, "start took "));
	EXPECT_NE(NULL, strstr(line, ": UNMAP 0x100000000-"));
	EXPECT_NE(NULL, strstr(line, " blockable, in unmap_vmas, check["))
		TH_LOG("%s", line);
}

TEST_HARNESS_MAIN
