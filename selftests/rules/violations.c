// SPDX-License-Identifier: GPL-2.0
/*
 * The table of violations in debugfs: how often each rule was broken, and the first and
 * the last violation of each rule by each subscriber, until a user clears it.
 */
#include "file.h"
#include "mnck_harness.h"
#include "victim.h"
#include "violation.h"

#define AREA_PAGES 4
#define DEBUGFS "/sys/kernel/debug/mnck/"
#define VIOLATIONS DEBUGFS "violations"

#define FAILS "start failed with -22 for a blockable range, taken as success"

/* More than the table has lines for one subscriber. */
#define NOISE 40

FIXTURE(violations)
{
	int fd;
	int log;
	size_t page;
	struct victim victim;
	struct subscriber faulty;
};

FIXTURE_SETUP(violations)
{
	self->fd = -1;
	self->page = getpagesize();
	if (access(DEBUGFS, F_OK))
		SKIP(return, "no debugfs is mounted at /sys/kernel/debug");
	self->log = kmsg_open(O_NONBLOCK);
	ASSERT_LE(0, self->log);
	ASSERT_EQ(0, victim_start(&self->victim, AREA_PAGES * self->page));
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, file_write(VIOLATIONS, "clear\n"));
}

FIXTURE_TEARDOWN(violations)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	close(self->log);
	victim_kill(&self->victim);
}

static char table[64 * 1024];

/* Returns the line of the table that begins with @words, or NULL. */
static const char *row(const char *words)
{
	FILE *file = fopen(VIOLATIONS, "re");
	size_t len = file ? fread(table, 1, sizeof(table) - 1, file) : 0;

	if (file)
		fclose(file);
	table[len] = '\0';
	for (char *line = strtok(table, "\n"); line; line = strtok(NULL, "\n"))
		if (!strncmp(line, words, strlen(words)))
			return line;
	return NULL;
}

/* Returns the number behind @words, or -1 if no line begins with them. */
static long count_of(const char *words)
{
	const char *line = row(words);

	return line ? atol(line + strlen(words)) : -1;
}

#define ATTACH()                                                                        \
	do {                                                                            \
		struct violation v_ = { .rule = MNCK_RULE_FAILURE, .what = FAILS };     \
											\
		ASSERT_EQ(0, faulty_attach(self->fd, self->victim.pid, MNCK_FAULT_EINVAL, \
					   MNCK_IN_START, NULL, 0, &self->faulty));     \
		announce(&v_, &self->faulty);                                           \
	} while (0)

/* The victim changes its page with this number. */
#define CHANGE(_nr)                                                                     \
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_DONTNEED,                          \
			       VICTIM_AREA + (_nr) * self->page, self->page))

/* The driver's record: its count, and the pages of its first and its last violation. */
#define EXPECT_RECORD(_count, _first, _last)                                            \
	do {                                                                            \
		char name_[64], line_[256];                                             \
											\
		snprintf(name_, sizeof(name_), "faulty %llu: ",                         \
			 stats_now(&self->faulty).serial);                              \
		snprintf(line_, sizeof(line_), "failure %s", name_);                    \
		EXPECT_EQ(_count, count_of(line_));                                     \
		snprintf(line_, sizeof(line_), "  first failure: %s" FAILS ": CLEAR %#lx-", \
			 name_, (unsigned long)VICTIM_AREA + (_first) * self->page);    \
		EXPECT_NE(NULL, row(line_)) TH_LOG("no %s", line_);                     \
		snprintf(line_, sizeof(line_), "  last  failure: %s" FAILS ": CLEAR %#lx-", \
			 name_, (unsigned long)VICTIM_AREA + (_last) * self->page);     \
		EXPECT_NE(NULL, row(line_)) TH_LOG("no %s", line_);                     \
	} while (0)

/* However often a subscriber breaks a rule, the table has the first time and the last. */
TEST_F_TIMEOUT(violations, noise, MNCK_TIMEOUT)
{
	ATTACH();
	CHANGE(1);
	EXPECT_RECORD(1, 1, 1);
	for (int i = 0; i < NOISE; i++)
		CHANGE(0);
	CHANGE(2);
	EXPECT_RECORD(NOISE + 2, 1, 2);
	EXPECT_EQ(NOISE + 2, count_of("failure     "));
	EXPECT_EQ(0, count_of("pairing     "));
	EXPECT_EQ(0, count_of("lifetime    "));
	/* This is not counted: lockdep reports its own, once. */
	EXPECT_NE(NULL, row("lock-order    lockdep"));
}

/* To write "clear" clears the table, but a subscriber is not warned of again. */
TEST_F_TIMEOUT(violations, clear, MNCK_TIMEOUT)
{
	static const char * const bad[] = { "x", "clear it", "clear0000000000", "cle" };
	char record[4096];

	ATTACH();
	CHANGE(1);
	ASSERT_TRUE(next_line(self->log, record, sizeof(record)));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_ERRNO(EINVAL, file_write(VIOLATIONS, bad[i]));
	EXPECT_ERRNO(EINVAL, file_write(DEBUGFS "subscribers", "clear"));
	EXPECT_RECORD(1, 1, 1);

	ASSERT_EQ(0, file_write(VIOLATIONS, "clear"));
	EXPECT_EQ(0, count_of("failure     "));
	EXPECT_EQ(NULL, row("failure faulty"));
	EXPECT_EQ(NULL, row("  first"));

	CHANGE(2);
	EXPECT_RECORD(1, 2, 2);
	EXPECT_EQ(1, count_of("failure     "));
	EXPECT_NO_LINE(self->log);
	EXPECT_VIOLATIONS(&self->faulty, MNCK_RULE_FAILURE, 2);
}

TEST_HARNESS_MAIN
