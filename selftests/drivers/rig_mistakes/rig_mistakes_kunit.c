// SPDX-License-Identifier: GPL-2.0
/*
 * A KUnit suite with a case that fails and one that skips, to prove that the rig
 * reports them.
 */
#include <kunit/test.h>
#include <linux/module.h>

static void right(struct kunit *test)
{
	/* A message of a case may look like an alarm; it must not fail the case. */
	kunit_info(test, "BUG: not ok, as a message\n");
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

MODULE_DESCRIPTION("A KUnit suite for the test of mnck's rig");
MODULE_LICENSE("GPL");
