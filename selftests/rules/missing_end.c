// SPDX-License-Identifier: GPL-2.0
/*
 * Rule pairing: a start that gets no end is found and named, with the task that has
 * started it; and a range that is open for long is not taken for one.
 *
 * Linux 7.3 itself leaves ranges open: mprotect() of memory at address 0 starts a range
 * and never ends it (Documentation/core-bugs.md).
 */
#include <pthread.h>

#include "interval.h"
#include "kmsg.h"
#include "mnck_harness.h"
#include "module.h"
#include "proc.h"
#include "table.h"
#include "victim.h"
#include "violation.h"

#define THREADS 1000
#define LEAK "start without an end: PROTECTION_VMA 0x0-"

/* Maps a page at address 0, and makes it this process' own. */
static int map_zero(void)
{
	if (mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		return -1;
	return own_pages();
}

/* Starts a range that gets no end.  Returns 0 or an errno. */
static int leak(void)
{
	static bool writable = true;

	writable = !writable;
	return mprotect(NULL, getpagesize(), PROT_READ | (writable ? PROT_WRITE : 0)) ? errno : 0;
}

static void *leak_in_thread(void *unused)
{
	(void)unused;
	return (void *)(long)leak();
}

enum { LEAK_ONE = 100, LEAK_IN_THREADS, UNMAP_ZERO };

/* Executes the orders to leak, and to unmap the page at address 0. */
static void leaker(size_t unused)
{
	struct victim_order order;

	(void)unused;
	victim_answer(map_zero() ? errno : 0);
	while (read(0, &order, sizeof(order)) == sizeof(order)) {
		void *result = NULL;
		pthread_t thread;

		switch (order.op) {
		case LEAK_ONE:
			victim_answer(leak());
			break;
		case LEAK_IN_THREADS:
			for (size_t i = 0; !result && i < order.len; i++)
				if (pthread_create(&thread, NULL, leak_in_thread, NULL) ||
				    pthread_join(thread, &result))
					result = (void *)EAGAIN;
			victim_answer((long)result);
			break;
		case UNMAP_ZERO:
			victim_answer(munmap(NULL, getpagesize()) ? errno : 0);
			break;
		case VICTIM_EXIT:
			_exit(0);
		}
	}
	_exit(0);
}

FIXTURE(missing_end)
{
	int fd;
	int kmsg;
	pid_t pid;
	struct victim victim;
	struct subscriber counter;
};

FIXTURE_SETUP(missing_end)
{
	self->fd = -1;
	ASSERT_EQ(0, victim_start_as(&self->victim, leaker, 0));
	self->pid = self->victim.pid;
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	self->kmsg = kmsg_open(O_NONBLOCK);
	ASSERT_LE(0, self->kmsg);
	ASSERT_EQ(0, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_COUNTER, &self->counter));
}

FIXTURE_TEARDOWN(missing_end)
{
	EXPECT_EQ(0, mnck_set_parameter("wait_limit_ms", 10000));
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	victim_kill(&self->victim);
}

static __u64 missing(const struct subscriber *sub)
{
	return stats_now(sub).violations[MNCK_RULE_PAIRING];
}

static void announce_leak(const struct subscriber *sub)
{
	ksft_print_msg("mnck-expect: WARN mnck: pairing: %s: " LEAK "\n",
		       subscriber_name("counter", sub));
}

/* Lets the victim leak one range; skips the test if this kernel ends it. */
#define LEAK_IN_VICTIM()                                                                \
	do {                                                                            \
		ASSERT_EQ(0, victim_do(&self->victim, LEAK_ONE, NULL, 0));              \
		if (!stats_now(&self->counter).open)                                    \
			SKIP(return, "this kernel ends all ranges");                    \
		announce_leak(&self->counter);                                          \
	} while (0)

/* One line names the leak and its task, although other tasks have found it. */
#define EXPECT_LEAK_NAMED()                                                             \
	do {                                                                            \
		char record_[4096], want_[128];                                         \
											\
		/* A violation is counted before it is logged. */                       \
		WAIT_UNTIL(next_line(self->kmsg, record_, sizeof(record_)));            \
		snprintf(want_, sizeof(want_), LEAK "%#x blockable, %s[%d]",            \
			 getpagesize(), program_invocation_short_name, self->pid); \
		EXPECT_NE(NULL, strstr(record_, want_))                                 \
			TH_LOG("%s: not %s", record_, want_);                           \
		EXPECT_FALSE(next_line(self->kmsg, record_, sizeof(record_)))           \
			TH_LOG("also %s", record_);                                     \
	} while (0)

/* The task that has left the range open exits. */
TEST_F_TIMEOUT(missing_end, exit, MNCK_TIMEOUT)
{
	LEAK_IN_VICTIM();
	ASSERT_EQ(0, victim_send(&self->victim, VICTIM_EXIT, NULL, 0));
	ASSERT_EQ(0, victim_join(&self->victim));
	EXPECT_EQ(1, missing(&self->counter));
	EXPECT_LEAK_NAMED();
}

/* The task that has left the range open sleeps: it waits for its next order. */
TEST_F_TIMEOUT(missing_end, sleeper, MNCK_TIMEOUT)
{
	LEAK_IN_VICTIM();
	WAIT_UNTIL(missing(&self->counter) == 1);
	EXPECT_LEAK_NAMED();
	EXPECT_EQ(NULL, table_row("open", subscriber_name("counter", &self->counter)));

	/* mnck goes on to look: it finds the next one too. */
	ASSERT_EQ(0, victim_do(&self->victim, LEAK_ONE, NULL, 0));
	WAIT_UNTIL(missing(&self->counter) == 2);

	/* Each is counted once. */
	ASSERT_EQ(0, victim_send(&self->victim, VICTIM_EXIT, NULL, 0));
	ASSERT_EQ(0, victim_join(&self->victim));
	EXPECT_EQ(2, missing(&self->counter));
}

/*
 * The task that has left the range open sleeps deeper in the kernel than it was then: in a
 * callback for another range, which the counter is not notified of yet.  Its stack pointer
 * does not show that it has left the function that started the first range.
 */
TEST_F_TIMEOUT(missing_end, sleeper_in_callback, MNCK_TIMEOUT)
{
	struct subscriber trylock;

	/* Longer than the test may take. */
	ASSERT_EQ(0, mnck_set_parameter("wait_limit_ms", 1000 * MNCK_TIMEOUT));
	ASSERT_EQ(0, mnck_attach(self->fd, self->pid, MNCK_KIND_TRYLOCK, &trylock));
	LEAK_IN_VICTIM();
	ASSERT_EQ(0, mnck_lock(&trylock, MNCK_LOCK_HOLD));
	ASSERT_EQ(0, victim_send(&self->victim, UNMAP_ZERO, NULL, 0));
	/* A victim that waits for orders is in state S. */
	WAIT_UNTIL(proc_state(self->pid, self->pid) == 'D');

	WAIT_UNTIL(missing(&self->counter) == 1);
	EXPECT_EQ('D', proc_state(self->pid, self->pid));
	EXPECT_LEAK_NAMED();
	ASSERT_EQ(0, mnck_lock(&trylock, MNCK_LOCK_RELEASE));
	ASSERT_EQ(0, victim_wait(&self->victim));
	EXPECT_EQ(1, missing(&self->counter));
}

/* Threads that leave a range open each and exit are all counted, in a bounded memory. */
TEST_F_TIMEOUT(missing_end, threads, 2 * MNCK_TIMEOUT)
{
	LEAK_IN_VICTIM();
	ASSERT_EQ(0, victim_do(&self->victim, LEAK_IN_THREADS, NULL, THREADS));
	WAIT_UNTIL(missing(&self->counter) >= THREADS + 1);
	EXPECT_EQ(THREADS + 1, missing(&self->counter));
	EXPECT_EQ(NULL, table_row("open", subscriber_name("counter", &self->counter)));
}

/* The task that has left the range open detaches the subscriber. */
TEST(detached_by_leaker)
{
	struct subscriber counter;
	struct mnck_stats stats;
	int fd = mnck_open();

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, map_zero())
		TH_LOG("%m: not root?");
	ASSERT_EQ(0, mnck_attach(fd, 0, MNCK_KIND_COUNTER, &counter));
	ASSERT_EQ(0, leak());
	if (!stats_now(&counter).open)
		SKIP(return, "this kernel ends all ranges");
	announce_leak(&counter);
	ASSERT_EQ(0, mnck_detach(&counter, &stats));
	EXPECT_EQ(1, stats.violations[MNCK_RULE_PAIRING]);
	close(fd);
}

/*
 * A range that is open for long, in a task that sleeps in a callback, is no leak; nor is
 * it if its subscriber is detached before the end comes.
 */
TEST(open_for_long)
{
	struct subscriber trylock, counter;
	struct mnck_stats stats;
	struct victim victim;
	struct call detach;
	int fd;

	ASSERT_EQ(0, victim_start(&victim, getpagesize()));
	fd = mnck_open();
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mnck_attach(fd, victim.pid, MNCK_KIND_TRYLOCK, &trylock));
	ASSERT_EQ(0, mnck_attach(fd, victim.pid, MNCK_KIND_COUNTER, &counter));
	ASSERT_EQ(0, mnck_lock(&trylock, MNCK_LOCK_HOLD));
	ASSERT_EQ(0, victim_send(&victim, VICTIM_MUNMAP, VICTIM_AREA, getpagesize()));
	WAIT_UNTIL(stats_now(&counter).open == 1 && proc_sleeps(victim.pid, victim.pid));

	/* mnck looks at all open ranges each second. */
	sleep(3);
	EXPECT_EQ(0, missing(&counter));

	ASSERT_EQ(0, call_begin(&detach, call_detach, &counter));
	WAIT_UNTIL(detach.tid && proc_sleeps_in(getpid(), detach.tid, "synchronize_srcu"));
	ASSERT_EQ(0, mnck_lock(&trylock, MNCK_LOCK_RELEASE));
	ASSERT_EQ(0, call_end(&detach));
	EXPECT_EQ(0, detach.stats.violations[MNCK_RULE_PAIRING]);
	ASSERT_EQ(0, victim_wait(&victim));
	ASSERT_EQ(0, mnck_detach(&trylock, &stats));
	close(fd);
	victim_kill(&victim);
}

TEST_HARNESS_MAIN
