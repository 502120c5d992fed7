// SPDX-License-Identifier: GPL-2.0
/*
 * The tables in debugfs are right however they are read: in pieces of any length, from
 * any offset, and while subscribers come and go.
 *
 * The trylock is attached first, so the core calls it last: while its start waits for its
 * lock, each counter has a range open.
 */
#include "mnck_harness.h"
#include "proc.h"
#include "victim.h"

#define AREA_PAGES 4
#define COUNTERS (MNCK_MAX_SUBSCRIBERS - 1)
#define DEBUGFS "/sys/kernel/debug/mnck/"
#define TABLE_SIZE (512 * 1024)

static struct subscriber counters[COUNTERS];
static __u64 serials[COUNTERS];
static char whole[TABLE_SIZE], pieces[TABLE_SIZE];

/* Opens a table; returns a file descriptor or -1. */
static int table_open(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), DEBUGFS "%s", name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* Reads to the end by read()s of @size bytes.  Returns the length of the text, or -1. */
static ssize_t read_by(int fd, size_t size, char *text)
{
	size_t len = 0;
	ssize_t n;

	do {
		if (size > TABLE_SIZE - 1 - len)
			size = TABLE_SIZE - 1 - len;
		n = read(fd, text + len, size);
		len += n > 0 ? n : 0;
	} while (n > 0);
	text[len] = '\0';
	return n ? -1 : (ssize_t)len;
}

/* Reads one line, without its end.  Returns false at the end of the table. */
static bool read_line(int fd, char *line, size_t size)
{
	size_t len = 0;

	while (len < size && read(fd, line + len, 1) == 1) {
		if (line[len] == '\n') {
			line[len] = '\0';
			return true;
		}
		len++;
	}
	return false;
}

/* Returns the serial number of the counter that a line is about, or 0. */
static __u64 counter_of(const char *line)
{
	__u64 serial;

	return sscanf(line, "counter %llu ", &serial) == 1 ? serial : 0;
}

FIXTURE(tables)
{
	int fd;
	size_t page;
	struct victim victim;
	struct subscriber trylock;
};

FIXTURE_SETUP(tables)
{
	self->fd = -1;
	self->page = getpagesize();
	if (access(DEBUGFS, F_OK))
		SKIP(return, "no debugfs is mounted at /sys/kernel/debug");
	ASSERT_EQ(0, victim_start(&self->victim, AREA_PAGES * self->page));
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_TRYLOCK, &self->trylock));
}

FIXTURE_TEARDOWN(tables)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	victim_kill(&self->victim);
}

#define ATTACH(_nr)                                                                     \
	do {                                                                            \
		ASSERT_EQ(0, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_COUNTER, \
					 &counters[_nr]));                              \
		serials[_nr] = stats_now(&counters[_nr]).serial;                        \
	} while (0)

/*
 * Returns whether @serial is that of one of the first @n counters, and the line is the first
 * about it.  A new table begins with @first.
 */
static bool is_listed_first(__u64 serial, int n, bool first)
{
	static bool listed[COUNTERS];

	if (first)
		memset(listed, 0, sizeof(listed));
	for (int i = 0; i < n; i++)
		if (serials[i] == serial && !listed[i])
			return listed[i] = true;
	return false;
}

/* The text has a header, and then a line for each of @_n counters, in order. */
#define EXPECT_COUNTERS(_n, _text, _header)                                             \
	do {                                                                            \
		char *line_ = _text;                                                    \
		int nr_ = 0;                                                            \
											\
		EXPECT_EQ(0, strncmp(line_, _header, strlen(_header)));                 \
		while ((line_ = strchr(line_, '\n')) && *++line_) {                     \
			__u64 serial_ = counter_of(line_);                              \
											\
			if (!serial_)                                                   \
				continue;                                               \
			ASSERT_LT(nr_, _n);                                             \
			ASSERT_TRUE(is_listed_first(serial_, _n, !nr_))                 \
				TH_LOG("counter %llu", serial_);                        \
			nr_++;                                                          \
		}                                                                       \
		EXPECT_EQ(_n, nr_);                                                     \
	} while (0)

static const size_t read_sizes[] = { 64 * 1024, 64, 1 };

/* The table of 1,024 subscribers has each once, read in pieces of any length. */
TEST_F_TIMEOUT(tables, many, MNCK_TIMEOUT)
{
	ssize_t len;
	int fd;

	for (int i = 0; i < COUNTERS; i++)
		ATTACH(i);
	fd = table_open("subscribers");
	ASSERT_LE(0, fd);
	len = read_by(fd, read_sizes[0], whole);
	ASSERT_LT(COUNTERS, len);
	EXPECT_COUNTERS(COUNTERS, whole, "SUBSCRIBER               PID");
	/* It does not change now, so each way to read it gives the same text. */
	for (size_t i = 0; i < ARRAY_SIZE(read_sizes); i++) {
		ASSERT_EQ(0, lseek(fd, 0, SEEK_SET));
		EXPECT_EQ(len, read_by(fd, read_sizes[i], pieces));
		EXPECT_EQ(0, strcmp(whole, pieces));
	}
	/* Backwards, with an odd step, so that the reads begin within lines. */
	for (off_t at = len - 1; at >= 0; at -= 4999) {
		ssize_t rest = len - at < 200 ? len - at : 200;

		EXPECT_EQ(rest, pread(fd, pieces, 200, at));
		EXPECT_EQ(0, memcmp(whole + at, pieces, rest));
		ASSERT_EQ(at, lseek(fd, at, SEEK_SET));
		EXPECT_EQ(rest, read(fd, pieces, 200));
		EXPECT_EQ(0, memcmp(whole + at, pieces, rest));
	}
	EXPECT_EQ(0, pread(fd, pieces, 1, len));
	EXPECT_EQ(0, pread(fd, pieces, 1, len + 4999));
	ASSERT_EQ(0, close(fd));
}

/* So has the table of open ranges, whose ages change between two reads. */
TEST_F_TIMEOUT(tables, open, MNCK_TIMEOUT)
{
	int fd, n = 40;

	for (int i = 0; i < n; i++)
		ATTACH(i);
	ASSERT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_HOLD));
	ASSERT_EQ(0, victim_send(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, self->page));
	WAIT_UNTIL(proc_state(self->victim.pid, self->victim.pid) == 'D');
	for (size_t i = 0; i < ARRAY_SIZE(read_sizes); i++) {
		fd = table_open("open");
		ASSERT_LE(0, fd);
		ASSERT_LT(0, read_by(fd, read_sizes[i], pieces));
		EXPECT_COUNTERS(n, pieces, "SUBSCRIBER           EVENT");
		ASSERT_EQ(0, close(fd));
	}
	ASSERT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_RELEASE));
	ASSERT_EQ(0, victim_wait(&self->victim));
}

/*
 * Each line is of the moment at which it is read: a subscriber that is detached before
 * that is not listed, one that is attached is, and those that stay are listed once.
 */
TEST_F_TIMEOUT(tables, changing, MNCK_TIMEOUT)
{
	int fd, nr = 0, stays = 8;
	struct mnck_stats stats;
	char line[256];
	__u64 serial;

	/* Those with an odd number are detached as soon as their line was read. */
	for (int i = 0; i < 2 * stays; i++)
		ATTACH(i);
	fd = table_open("subscribers");
	ASSERT_LE(0, fd);
	ASSERT_TRUE(read_line(fd, line, sizeof(line)));
	/* This one before. */
	ASSERT_EQ(0, mnck_detach(&counters[4], &stats));
	while (read_line(fd, line, sizeof(line))) {
		serial = counter_of(line);
		if (!serial)
			continue;
		if (nr == 4)
			nr++;
		EXPECT_EQ(serials[nr], serial);
		if (nr % 2)
			ASSERT_EQ(0, mnck_detach(&counters[nr], &stats));
		nr++;
		/* And one more for the first. */
		if (nr == 1)
			ATTACH(2 * stays);
	}
	EXPECT_EQ(2 * stays + 1, nr);

	/* At the end, one more is what follows. */
	ATTACH(2 * stays + 1);
	ASSERT_TRUE(read_line(fd, line, sizeof(line)));
	EXPECT_EQ(serials[2 * stays + 1], counter_of(line));
	EXPECT_FALSE(read_line(fd, line, sizeof(line)));
	ASSERT_EQ(0, close(fd));
}

TEST_HARNESS_MAIN
