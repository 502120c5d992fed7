/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Drivers that break a rule, and what the kernel must say of it: one WARN for each
 * subscriber and rule, which names them, the range, the event and the task.
 */
#ifndef MNCK_SELFTEST_VIOLATION_H
#define MNCK_SELFTEST_VIOLATION_H

#include "mnck_harness.h"
#include "proc.h"
#include "victim.h"

/* A rule, broken. */
struct violation {
	enum mnck_rule rule;
	/* What the driver did, or how that begins. */
	const char *what;
	const char *event;
	unsigned long start;
	unsigned long end;
	bool blockable;
	/* The function of mm that has called the notifiers. */
	const char *initiator;
	/* In which task; 0 for this, and NULL if it is called as this. */
	pid_t pid;
	const char *comm;
};

static inline struct violation in_munmap(enum mnck_rule rule, const char *what,
					 const void *start, size_t len)
{
	return (struct violation){
		.rule = rule, .what = what, .event = "UNMAP", .blockable = true,
		.start = (unsigned long)start, .end = (unsigned long)start + len,
		.initiator = "unmap_vmas",
	};
}

/* In the first range of a victim that is reaped. */
static inline struct violation in_reaping(enum mnck_rule rule, const char *what,
					  const struct reapable *reap)
{
	return (struct violation){
		.rule = rule, .what = what, .event = "CLEAR",
		.start = reap->top_start, .end = reap->top_end,
		.initiator = "zap_vma_for_reaping",
	};
}

/* An interval driver is attached to @len bytes at @start, the others to all. */
static inline int faulty_attach(int fd, pid_t pid, __u32 fault, __u32 place,
				const void *start, size_t len, struct subscriber *sub)
{
	struct mnck_attach how = {
		.pid = pid, .kind = MNCK_KIND_FAULTY, .fault = fault, .place = place,
	};

	if (place == MNCK_IN_INTERVAL) {
		how.start = (unsigned long)start;
		how.end = how.start + len;
	}
	return mnck_attach_how(fd, how, sub);
}

static inline int faulty_join(const struct subscriber *chain, __u32 fault, __u32 place,
			      struct subscriber *sub)
{
	struct mnck_attach how = {
		.kind = MNCK_KIND_FAULTY, .flags = MNCK_ATTACH_IN_CHAIN, .chain = chain->id,
		.fault = fault, .place = place,
	};

	return mnck_attach_how(chain->fd, how, sub);
}

static inline void violation_begin(const struct violation *v, const struct subscriber *sub,
				   char *buf, size_t size)
{
	static const char * const rules[] = {
		[MNCK_RULE_PAIRING] = "pairing",
		[MNCK_RULE_FAILURE] = "failure",
		[MNCK_RULE_FAILING_END] = "failing-end",
		[MNCK_RULE_NON_BLOCK] = "non-block",
		[MNCK_RULE_RECLAIM] = "reclaim",
	};

	snprintf(buf, size, "mnck: %s: faulty %llu: %s", rules[v->rule],
		 stats_now(sub).serial, v->what);
}

/* Tells the rig what will come. */
static inline void announce(const struct violation *v, const struct subscriber *sub)
{
	char begin[128];

	violation_begin(v, sub, begin, sizeof(begin));
	ksft_print_msg("mnck-expect: WARN %s\n", begin);
}

/* How a line of ours begins in a record of the kernel's log. */
#define LINE_BEGIN ";mnck: "

/* The next line of the module in the kernel's log; false if there is none. */
static inline bool next_line(int kmsg, char *record, size_t size)
{
	static const char * const begin[] = { LINE_BEGIN };

	return !kmsg_find(kmsg, begin, 1, record, size);
}

/* The range of @v, and who has begun it, as the line has them. */
static inline void violation_place(const struct violation *v, char *buf, size_t size)
{
	snprintf(buf, size, ": %s %#lx-%#lx %s, in %s, %s[%d]", v->event, v->start, v->end,
		 v->blockable ? "blockable" : "non-blockable", v->initiator,
		 v->comm ?: program_invocation_short_name, v->pid ?: getpid());
}

/* One line came since the log was opened, which says all that there is to say. */
#define EXPECT_NAMED(_kmsg, _violation, _sub)                                     \
	do {                                                                      \
		char record_[4096], begin_[128], place_[256];                     \
											\
		violation_begin(_violation, _sub, begin_, sizeof(begin_));        \
		violation_place(_violation, place_, sizeof(place_));              \
		ASSERT_TRUE(next_line(_kmsg, record_, sizeof(record_)));          \
		EXPECT_NE(NULL, strstr(record_, begin_))                          \
			TH_LOG("%s: not %s", record_, begin_);                    \
		EXPECT_NE(NULL, strstr(record_, place_))                          \
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

/* @_violations of rule @_rule and of no other. */
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

/* What the driver did, while nothing is open. */
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
