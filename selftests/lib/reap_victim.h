/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tests that attach subscribers to a victim, which is then reaped: a victim that stops
 * in its exit, a session, and the kernel's log.
 *
 * The macros are for fixtures with the members fd, kmsg, victim and, for STOP_IN_EXIT(),
 * reap.
 */
#ifndef MNCK_SELFTEST_REAP_VICTIM_H
#define MNCK_SELFTEST_REAP_VICTIM_H

#include "device.h"
#include "kmsg.h"
#include "proc.h"
#include "victim.h"

/* Opens the log and a session, and starts a victim with @_size bytes of memory. */
#define SETUP_VICTIM(_size)                                                       \
	do {                                                                      \
		self->fd = -1;                                                    \
		self->kmsg = kmsg_open(O_NONBLOCK);                               \
		ASSERT_LE(0, self->kmsg);                                         \
		ASSERT_EQ(0, victim_start(&self->victim, _size));                 \
		ASSERT_EQ(0, victim_trace_exit(&self->victim));                   \
		self->fd = mnck_open();                                           \
		ASSERT_LE(0, self->fd);                                           \
	} while (0)

#define TEARDOWN_VICTIM()                                                         \
	do {                                                                      \
		if (self->fd >= 0)                                                \
			EXPECT_EQ(0, close(self->fd));                            \
		victim_kill(&self->victim);                                       \
		close(self->kmsg);                                                \
	} while (0)

/* Kills the victim; when it has stopped in its exit, reads what there is to reap. */
#define STOP_IN_EXIT()                                                            \
	do {                                                                      \
		ASSERT_EQ(0, victim_doom(&self->victim));                         \
		ASSERT_EQ(0, proc_reapable(self->victim.pid, &self->reap));       \
	} while (0)

#endif /* MNCK_SELFTEST_REAP_VICTIM_H */
