/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Rule lock-order: locks are taken in one order, over all callbacks of a kind.
 *
 * A driver's mutex is taken in its invalidation, and its release takes it before
 * another lock, under which invalidations are called.  All that the driver sees is
 * one exit: there both callbacks are called one after the other, and its mutex is
 * never taken with a lock of mm's, nor with the core's own map.  That it might be
 * lockdep has learned from somebody else's invalidation, in another process, by
 * the map that all of them run under.
 *
 * Lockdep reports once and then turns itself off, until the next boot: a program
 * for each mistake.
 */
#ifndef MNCK_SELFTEST_LOCK_ORDER_H
#define MNCK_SELFTEST_LOCK_ORDER_H

#include "kmsg.h"
#include "mnck_harness.h"
#include "option.h"
#include "proc.h"
#include "victim.h"
#include "violation.h"

#define AREA_SIZE (4L * getpagesize())

/* What lockdep knows the map of the callbacks of intervals by. */
#define MAP "mnck_invalidate"

FIXTURE(lock_order)
{
	int fd;
	int kmsg;
	struct victim victim;
	struct subscriber interval;
	struct subscriber release;
};

FIXTURE_SETUP(lock_order)
{
	struct subscriber other;

	self->fd = -1;
	REQUIRE_OPTION(has_lockdep(), "PROVE_LOCKING");
	if (!lockdep_watches())
		SKIP(return, "lockdep has turned itself off");
	self->kmsg = kmsg_open(O_NONBLOCK);
	ASSERT_LE(0, self->kmsg);
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);

	/* Who takes no lock shows what invalidations are called under. */
	ASSERT_EQ(0, victim_start(&self->victim, AREA_SIZE));
	ASSERT_EQ(0, faulty_attach(self->fd, self->victim.pid, MNCK_FAULT_NONE, MNCK_IN_INTERVAL,
				   VICTIM_AREA, AREA_SIZE, &other));
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, AREA_SIZE));
	EXPECT_CALLS(&other, 1, 0, 0);
	ASSERT_EQ(SIGKILL, WTERMSIG(victim_kill(&self->victim)));

	ASSERT_EQ(0, victim_start(&self->victim, AREA_SIZE));
}

FIXTURE_TEARDOWN(lock_order)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	victim_kill(&self->victim);
	close(self->kmsg);
}

/* The driver sees an exit, and nothing else. */
#define EXPECT_EXIT(_fault)                                                       \
	do {                                                                      \
		pid_t pid_ = self->victim.pid;                                    \
		struct mnck_stats stats_;                                         \
										  \
		ASSERT_EQ(0, faulty_attach(self->fd, pid_, _fault, MNCK_IN_INTERVAL, \
					   VICTIM_AREA, AREA_SIZE, &self->interval)); \
		ASSERT_EQ(0, faulty_attach(self->fd, pid_, _fault, MNCK_IN_RELEASE, \
					   NULL, 0, &self->release));             \
		ASSERT_EQ(0, victim_send(&self->victim, VICTIM_EXIT, NULL, 0));   \
		ASSERT_EQ(0, victim_join(&self->victim));                         \
		stats_ = stats_now(&self->interval);                              \
		EXPECT_EQ(2, stats_.starts);                                      \
		EXPECT_EQ(1, stats_.events[MNCK_EVENT_RELEASE]);                  \
		EXPECT_EQ(1, stats_.events[MNCK_EVENT_UNMAP]);                    \
		EXPECT_EQ(1, stats_now(&self->release).releases);                 \
	} while (0)

/* And it is reported, since the driver's @_lock comes behind our map. */
#define EXPECT_REPORTED(_fault, _lock)                                            \
	do {                                                                      \
		static const char * const link_[] = { "(" MAP "){" };             \
		char record_[4096];                                               \
										  \
		ksft_print_msg("mnck-expect: LOCKDEP " MAP " -> " _lock "\n");    \
		EXPECT_EXIT(_fault);                                              \
		EXPECT_FALSE(lockdep_watches());                                  \
		EXPECT_EQ(0, kmsg_find(self->kmsg, link_, 1, record_, sizeof(record_))); \
	} while (0)

/* The same driver, in the right order. */
TEST_F_TIMEOUT(lock_order, right, MNCK_TIMEOUT)
{
	EXPECT_EXIT(MNCK_FAULT_LOCK_LAST);
	EXPECT_TRUE(lockdep_watches());
}

#endif /* MNCK_SELFTEST_LOCK_ORDER_H */
