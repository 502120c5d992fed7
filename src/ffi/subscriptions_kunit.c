// SPDX-License-Identifier: GPL-2.0
/*
 * subscriptions.c includes this file: each part of layout_is_right() finds the difference that
 * it is there for.
 */
#include <kunit/test.h>

/* What the core has after the calibration has added its two subscriptions. */
struct fake {
	struct mmu_notifier probe;
	struct mmu_interval_notifier interval;
	/* With room for one more word. */
	struct subscriptions *all;
};

static void fill(struct fake *fake)
{
	struct subscriptions *all = fake->all;

	memset(all, 0, sizeof(*all));
	INIT_HLIST_HEAD(&all->list);
	spin_lock_init(&all->lock);
	init_waitqueue_head(&all->wq);
	all->has_itree = true;
	all->invalidate_seq = 2;
	all->itree = RB_ROOT_CACHED;
	hlist_add_head(&fake->probe.hlist, &all->list);
	fake->interval.invalidate_seq = 1;
	interval_tree_insert(&fake->interval.interval_tree, &all->itree);
}

static struct fake *make(struct kunit *test)
{
	struct fake *fake = kunit_kzalloc(test, sizeof(*fake), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fake);
	fake->all = kunit_kzalloc(test, sizeof(*fake->all) + sizeof(long), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fake->all);
	fake->interval.interval_tree.start = NOWHERE_START - PAGE_SIZE;
	fake->interval.interval_tree.last = NOWHERE_START - 1;
	fill(fake);
	return fake;
}

static bool is_taken(struct fake *fake)
{
	return layout_is_right(fake->all, sizeof(*fake->all), &fake->probe, &fake->interval);
}

static void layout_as_assumed(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, is_taken(make(test)));
}

/* Changes one value after the other. */
#define EXPECT_REFUSED(_change)                                                         \
	do {                                                                            \
		fill(fake);                                                             \
		KUNIT_ASSERT_TRUE(test, is_taken(fake));                                \
		_change;                                                                \
		KUNIT_EXPECT_FALSE_MSG(test, is_taken(fake), #_change);                 \
	} while (0)

static void layout_with_another_value(struct kunit *test)
{
	struct fake *fake = make(test);
	struct subscriptions *all = fake->all;

	EXPECT_REFUSED(all->list.first = NULL);
	EXPECT_REFUSED(all->has_itree = false);
	EXPECT_REFUSED(all->wq.head.next = NULL);
	EXPECT_REFUSED(all->invalidate_seq = 1);
	EXPECT_REFUSED(all->active_invalidate_ranges = 2);
	EXPECT_REFUSED(all->itree = RB_ROOT_CACHED);
	EXPECT_REFUSED(all->deferred_list.first = &fake->interval.deferred_item);
}

static void layout_that_is_shorter(struct kunit *test)
{
	struct fake *fake = make(test);

	KUNIT_EXPECT_FALSE(test, layout_is_right(fake->all, sizeof(*fake->all) - 1, &fake->probe,
						 &fake->interval));
}

/* A kernel with one word more in front of a member: all members behind it have moved. */
static void insert_word(struct subscriptions *all, size_t at)
{
	char *from = (char *)all + at;
	wait_queue_head_t *wq = (void *)((char *)&all->wq + sizeof(long));

	memmove(from + sizeof(long), from, sizeof(*all) - at);
	memset(from, 0, sizeof(long));
	/* The list of the tasks that wait points to itself. */
	INIT_LIST_HEAD(&wq->head);
}

static void layout_with_one_more_member(struct kunit *test)
{
	/* A word behind these, which nothing of a quiet mm tells, moves the deferred list only. */
	static const size_t members[] = {
		offsetof(struct subscriptions, list),
		offsetof(struct subscriptions, has_itree),
		offsetof(struct subscriptions, lock),
		offsetof(struct subscriptions, invalidate_seq),
		offsetof(struct subscriptions, active_invalidate_ranges),
		offsetof(struct subscriptions, itree),
		offsetof(struct subscriptions, wq),
	};
	struct fake *fake = make(test);

	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		fill(fake);
		insert_word(fake->all, members[i]);
		KUNIT_EXPECT_FALSE_MSG(test, is_taken(fake), "at %zu", members[i]);
	}
}

static struct kunit_case layout_cases[] = {
	KUNIT_CASE(layout_as_assumed),
	KUNIT_CASE(layout_with_another_value),
	KUNIT_CASE(layout_that_is_shorter),
	KUNIT_CASE(layout_with_one_more_member),
	{}
};

static struct kunit_suite layout_suite = {
	.name = "mnck_subscriptions",
	.test_cases = layout_cases,
};

kunit_test_suite(layout_suite);
