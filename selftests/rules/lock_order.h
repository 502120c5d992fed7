/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Rule lock-order: all callbacks of a kind take locks in one order.
 *
 * The driver's invalidation callback takes a mutex.  Its release takes this mutex and
 * then another lock, under which invalidation callbacks can be called.  The driver is
 * attached to one process only, and sees only its exit, which calls both callbacks one
 * after the other: there its mutex is taken neither with a lock of mm nor with the
 * core's own lockdep map.  Lockdep knows what else an invalidation callback may be
 * called under from another driver's callback in another process, since mnck runs all
 * invalidation callbacks under one lockdep map.
 *
 * Lockdep reports once and then turns itself off until the next boot, so each mistake
 * has a program of its own.
 */
#ifndef MNCK_SELFTEST_LOCK_ORDER_H
#define MNCK_SELFTEST_LOCK_ORDER_H

#include "kmsg.h"
#include "mnck_harness.h"
#include "option.h"
#include "proc.h"
#include "victim.h"
#include "violation.h"
#include "reap_victim.h"

#define AREA_SIZE (4L * getpagesize())

/* The name of the lockdep map that interval callbacks run under. */
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

	/* A driver that takes no lock shows lockdep under which locks invalidations are called. */
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
	TEARDOWN_VICTIM();
}

/* Attaches the driver to the victim, whose exit is all that the driver sees. */
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

/* Lockdep reports the driver, since its @_lock is taken under mnck's map. */
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

/* A driver that takes the same locks in the right order is not reported. */
TEST_F_TIMEOUT(lock_order, right, MNCK_TIMEOUT)
{
	EXPECT_EXIT(MNCK_FAULT_LOCK_LAST);
	EXPECT_TRUE(lockdep_watches());
}

#endif /* MNCK_SELFTEST_LOCK_ORDER_H */
