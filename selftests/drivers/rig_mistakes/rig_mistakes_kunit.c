// SPDX-License-Identifier: GPL-2.0
/*
 * A KUnit suite with a case that fails, to prove that the rig sees it.
 */
#include <kunit/test.h>
#include <linux/module.h>

static void right(struct kunit *test)
{
	/* The kernel's log knows no difference between a name and an alarm. */
	kunit_info(test, "BUG: not ok, as it were\n");
	KUNIT_EXPECT_EQ(test, 1, 1);
}

static void wrong(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, 1, 2);
}

static void skipped(struct kunit *test)
{
	kunit_skip(test, "rig_mistakes");
}

static struct kunit_case cases[] = {
	KUNIT_CASE(right),
	KUNIT_CASE(wrong),
	KUNIT_CASE(skipped),
	{}
};

static struct kunit_suite suite = {
	.name = "rig_mistakes",
	.test_cases = cases,
};

kunit_test_suite(suite);

MODULE_DESCRIPTION("A KUnit suite for mnck's rig to read");
MODULE_LICENSE("GPL");
