/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Drivers that make one mistake each in a callback, and drivers that make none.
 */
#ifndef NOTIFIER_MISTAKES_H
#define NOTIFIER_MISTAKES_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/mmu_notifier.h>
#include <linux/spinlock.h>

/* A driver: its table of callbacks, of one of two kinds. */
struct mistaken_driver {
	const char *name;
	const struct mmu_notifier_ops *hlist;
	const struct mmu_interval_notifier_ops *interval;
	/* Whether an interval driver calls mmu_interval_read_begin() when it subscribes. */
	bool reads;
};

/* A subscription of such a driver. */
struct subscription {
	struct list_head node;
	/* The file that it belongs to. */
	struct file *file;
	const struct mistaken_driver *driver;
	/* How long a slow driver takes. */
	unsigned long msecs;
	/*
	 * Calls of the callback that begins a range, or of the only one, and of that which ends it.
	 * For "aging": of clear_young, and those of them that are not about a page.
	 */
	atomic_long_t begun;
	atomic_long_t ended;
	/* The user lock of an interval driver: it protects the subscription's sequence. */
	spinlock_t lock;
	/* The finish structure that a driver leaves though it refuses. */
	struct mmu_interval_notifier_finish left;
	union {
		struct mmu_notifier hlist;
		struct mmu_interval_notifier interval;
	};
};

static inline struct subscription *to_hlist(struct mmu_notifier *hlist)
{
	return container_of(hlist, struct subscription, hlist);
}

static inline struct subscription *to_interval(struct mmu_interval_notifier *interval)
{
	return container_of(interval, struct subscription, interval);
}

/* Returns the driver of this name, or NULL. */
const struct mistaken_driver *find_driver(const char *name);

/* Callbacks without a mistake, beside those with one. */
int clean_start(struct mmu_notifier *hlist, const struct mmu_notifier_range *range);
void clean_end(struct mmu_notifier *hlist, const struct mmu_notifier_range *range);
bool clean_pass(struct mmu_interval_notifier *interval, const struct mmu_notifier_range *range,
		unsigned long seq, struct mmu_interval_notifier_finish **finish);

/*
 * What callbacks without a mistake do.  No callback calls another, so that each call of a
 * callback is one of the core's.
 */
bool begin_pass(struct mmu_interval_notifier *interval, unsigned long seq,
		struct mmu_interval_notifier_finish **finish);
void end_pass(struct mmu_interval_notifier_finish *finish);

/* Sets the sequence of an interval under the user lock. */
void set_seq(struct subscription *sub, unsigned long seq);

/*
 * Defines the tables of the drivers @_how_start, @_how_end and @_how_interval: the callback that
 * the name ends with calls @_what() before all else, and makes no other mistake.
 */
#define DRIVERS_IN_EACH_CALLBACK(_how, _what)						\
static int _how##_start(struct mmu_notifier *hlist,					\
			const struct mmu_notifier_range *range)				\
{											\
	_what(range);									\
	atomic_long_inc(&to_hlist(hlist)->begun);					\
	return 0;									\
}											\
											\
const struct mmu_notifier_ops _how##_start_ops = {					\
	.invalidate_range_start = _how##_start,						\
	.invalidate_range_end = clean_end,						\
};											\
											\
static void _how##_end(struct mmu_notifier *hlist,					\
		       const struct mmu_notifier_range *range)				\
{											\
	_what(range);									\
	atomic_long_inc(&to_hlist(hlist)->ended);					\
}											\
											\
const struct mmu_notifier_ops _how##_end_ops = {					\
	.invalidate_range_start = clean_start,						\
	.invalidate_range_end = _how##_end,						\
};											\
											\
static bool _how##_invalidate(struct mmu_interval_notifier *interval,			\
			      const struct mmu_notifier_range *range, unsigned long seq)	\
{											\
	_what(range);									\
	atomic_long_inc(&to_interval(interval)->begun);					\
	set_seq(to_interval(interval), seq);						\
	return true;									\
}											\
											\
const struct mmu_interval_notifier_ops _how##_interval_ops = {				\
	.invalidate = _how##_invalidate,						\
}

/* Declares them. */
#define DECLARE_IN_EACH_CALLBACK(_how)							\
	extern const struct mmu_notifier_ops _how##_start_ops, _how##_end_ops;		\
	extern const struct mmu_interval_notifier_ops _how##_interval_ops

/* Lets all starts of the driver "hanging" go on. */
void let_hanging_go(void);
/* Makes its next starts hang. */
void hold_hanging(void);

/*
 * Returns whether an interval driver takes it that its interval was inserted, though that has
 * failed.
 */
bool ignores_insert_error(const struct mistaken_driver *driver, int error);

/*
 * Registers a subscription of the driver "moved" or "registered_again" for another process.  Fails
 * with EBUSY unless its own has exited.
 */
int move_subscription(struct subscription *sub, struct mm_struct *mm);

int catch_init(void);
void catch_exit(void);

extern const struct mmu_notifier_ops clean_ops;
extern const struct mmu_notifier_ops nesting_ops;
extern const struct mmu_notifier_ops aging_ops;
extern const struct mmu_notifier_ops refusing_ops;
extern const struct mmu_notifier_ops wrong_code_ops;
extern const struct mmu_notifier_ops failing_ops;
extern const struct mmu_notifier_ops refuses_blockable_ops;
extern const struct mmu_notifier_ops refuses_with_end_ops;
extern const struct mmu_notifier_ops sleeps_if_blockable_ops;
extern const struct mmu_notifier_ops clean_tlbs_ops;
extern const struct mmu_notifier_ops sleeping_tlbs_ops;
extern const struct mmu_notifier_ops slow_ops;
extern const struct mmu_notifier_ops hanging_ops;
extern const struct mmu_notifier_ops oopsing_ops;
extern const struct mmu_notifier_ops moved_ops;
extern const struct mmu_notifier_ops registered_again_ops;
extern const struct mmu_notifier_ops keeps_mutex_ops;
extern const struct mmu_notifier_ops unlocks_mutex_ops;
extern const struct mmu_notifier_ops ordered_release_ops;
extern const struct mmu_notifier_ops circling_release_ops;

extern const struct mmu_interval_notifier_ops ordered_interval_ops;
extern const struct mmu_interval_notifier_ops circling_interval_ops;
extern const struct mmu_interval_notifier_ops clean_interval_ops;
extern const struct mmu_interval_notifier_ops refusing_interval_ops;
extern const struct mmu_interval_notifier_ops forgetful_ops;
extern const struct mmu_interval_notifier_ops never_reads_ops;
extern const struct mmu_interval_notifier_ops refuses_blockable_interval_ops;
extern const struct mmu_interval_notifier_ops clean_two_pass_ops;
extern const struct mmu_interval_notifier_ops refusing_two_pass_ops;
extern const struct mmu_interval_notifier_ops sleeping_finish_ops;
extern const struct mmu_interval_notifier_ops leaves_finish_ops;
extern const struct mmu_interval_notifier_ops inserted_ops;
extern const struct mmu_interval_notifier_ops uninserted_ops;

DECLARE_IN_EACH_CALLBACK(sleeping);
DECLARE_IN_EACH_CALLBACK(contending);
DECLARE_IN_EACH_CALLBACK(locking);
DECLARE_IN_EACH_CALLBACK(allocating);
DECLARE_IN_EACH_CALLBACK(yielding);
DECLARE_IN_EACH_CALLBACK(spinning);
DECLARE_IN_EACH_CALLBACK(preempted);

#endif /* NOTIFIER_MISTAKES_H */
