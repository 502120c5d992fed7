/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel must log when a driver breaks a rule: one WARN for each driver and rule,
 * which names both, the range, the event, the initiator and the task.
 */
#ifndef MNCK_SELFTEST_VIOLATION_H
#define MNCK_SELFTEST_VIOLATION_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "device.h"
#include "kmsg.h"
#include "proc.h"

/* Where a rule was broken. */
struct violation {
	const char *event;
	unsigned long start;
	unsigned long end;
	bool blockable;
	/* The function of mm that has called the notifiers. */
	const char *initiator;
	/* The task; pid 0 is the calling process, and comm NULL is its name. */
	pid_t pid;
	const char *comm;
};

/* Returns a violation in an munmap() by the calling process. */
struct violation in_munmap(const void *start, size_t len);

/* Returns a violation in the first range of a victim that is reaped. */
struct violation in_reaping(const struct reapable *reap);

/* Returns whether a line reports the range of @v, its initiator and its task. */
bool violation_is_in(const struct violation *v, const char *line);

/* Writes the range of @v, its initiator and its task, as the line has them. */
void violation_place(const struct violation *v, char *buf, size_t size);

/* Announces a BUG that the kernel reports if it has CONFIG_DEBUG_ATOMIC_SLEEP. */
void announce_sleep_bug(const char *text);

/* A callback that sleeps although the core has said that it must not. */
#define BUG_SCHEDULING "scheduling in a non-blocking section"

/* A callback that might sleep.  The kernel looks at most once a second. */
#define BUG_MIGHT_SLEEP "sleeping function called from invalid context"

/*
 * Announces the warnings of the core, which it prints each time that a start fails as it
 * must not.
 */
void announce_core_warns(void);

/* The beginning of a line of mnck in a record of the kernel log. */
#define LINE_BEGIN ";mnck: "

/* Finds the next line of mnck in the kernel log; returns false if there is none. */
bool next_line(int kmsg, char *record, size_t size);

#define EXPECT_NO_LINE(_kmsg)                                                     \
	do {                                                                      \
		char record_[4096];                                               \
										  \
		EXPECT_FALSE(next_line(_kmsg, record_, sizeof(record_)))          \
			TH_LOG("logged: %s", record_);                            \
	} while (0)

#define EXPECT_NO_VIOLATION(_sub)                                                 \
	do {                                                                      \
		struct mnck_stats stats_ = stats_now(_sub);                       \
										  \
		for (__u32 i_ = 0; i_ < MNCK_RULES; i_++) {                       \
			EXPECT_EQ(0, stats_.violations[i_])                       \
				TH_LOG("rule %u", i_);                            \
		}                                                                 \
	} while (0)

#endif /* MNCK_SELFTEST_VIOLATION_H */
