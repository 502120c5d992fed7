/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Drivers that break a rule, and what the kernel must log: one WARN for each subscriber
 * and rule, which names both, the range, the event, the initiator and the task.
 */
#ifndef MNCK_SELFTEST_VIOLATION_H
#define MNCK_SELFTEST_VIOLATION_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "device.h"
#include "kmsg.h"
#include "proc.h"

/* A violation of a rule. */
struct violation {
	enum mnck_rule rule;
	/* What the driver did, or the beginning of that text. */
	const char *what;
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
struct violation in_munmap(enum mnck_rule rule, const char *what, const void *start, size_t len);

/* Returns a violation in the first range of a victim that is reaped. */
struct violation in_reaping(enum mnck_rule rule, const char *what, const struct reapable *reap);

/*
 * Attaches a driver that makes a mistake: @fault, in the callback @place.  An interval
 * driver subscribes to @len bytes at @start, the others to all of the address space.
 */
int faulty_attach(int fd, pid_t pid, __u32 fault, __u32 place, const void *start, size_t len,
		  struct subscriber *sub);

/* Adds such a driver to a chain. */
int faulty_join(const struct subscriber *chain, __u32 fault, __u32 place, struct subscriber *sub);

/* Writes the beginning of the line that reports @v. */
void violation_begin(const struct violation *v, const struct subscriber *sub, char *buf,
		     size_t size);

/* Returns whether a line reports the range of @v, its initiator and its task. */
bool violation_is_in(const struct violation *v, const char *line);

/* Writes the range of @v, its initiator and its task, as the line has them. */
void violation_place(const struct violation *v, char *buf, size_t size);

/* Announces a WARN to the rig, which takes any other WARN for a failure. */
void announce(const struct violation *v, const struct subscriber *sub);

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

/* Exactly one line was logged since the log was opened, and it reports the violation. */
#define EXPECT_NAMED(_kmsg, _violation, _sub)                                     \
	do {                                                                      \
		char record_[4096], begin_[128], place_[256];                     \
										  \
		violation_begin(_violation, _sub, begin_, sizeof(begin_));        \
		violation_place(_violation, place_, sizeof(place_));              \
		ASSERT_TRUE(next_line(_kmsg, record_, sizeof(record_)));          \
		EXPECT_NE(NULL, strstr(record_, begin_))                          \
			TH_LOG("%s: not %s", record_, begin_);                    \
		EXPECT_TRUE(violation_is_in(_violation, record_))                 \
			TH_LOG("%s: not %s", record_, place_);                    \
		EXPECT_FALSE(next_line(_kmsg, record_, sizeof(record_)))          \
			TH_LOG("also %s", record_);                               \
	} while (0)

#define EXPECT_NO_LINE(_kmsg)                                                     \
	do {                                                                      \
		char record_[4096];                                               \
										  \
		EXPECT_FALSE(next_line(_kmsg, record_, sizeof(record_)))          \
			TH_LOG("logged: %s", record_);                            \
	} while (0)

/* @_violations of rule @_rule were counted, and none of any other rule. */
#define EXPECT_VIOLATIONS(_sub, _rule, _violations)                               \
	do {                                                                      \
		struct mnck_stats stats_ = stats_now(_sub);                       \
										  \
		for (__u32 i_ = 0; i_ < MNCK_RULES; i_++) {                       \
			__u64 want_ = i_ == (__u32)(_rule) ? (_violations) : 0;   \
										  \
			EXPECT_EQ(want_, stats_.violations[i_])                   \
				TH_LOG("rule %u", i_);                            \
		}                                                                 \
	} while (0)

#define EXPECT_NO_VIOLATION(_sub) EXPECT_VIOLATIONS(_sub, MNCK_RULE_PAIRING, 0)

/* These calls were counted, and no start is open. */
#define EXPECT_CALLS(_sub, _starts, _ends, _failed)                               \
	do {                                                                      \
		struct mnck_stats stats_ = stats_now(_sub);                       \
										  \
		EXPECT_EQ(_starts, stats_.starts);                                \
		EXPECT_EQ(_ends, stats_.ends);                                    \
		EXPECT_EQ(_failed, stats_.refusals);                              \
		EXPECT_EQ(0, stats_.open);                                        \
	} while (0)

#endif /* MNCK_SELFTEST_VIOLATION_H */
