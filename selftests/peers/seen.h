/* SPDX-License-Identifier: GPL-2.0 */
/*
 * mnck watches all drivers: it sees each call of the peer's callbacks, and reports nothing.
 *
 * A program includes this file after running.h.
 */
#ifndef MNCK_SELFTEST_SEEN_H
#define MNCK_SELFTEST_SEEN_H

#include "kmsg.h"
#include "module.h"
#include "observed.h"

/* The ranges that the peer must have seen. */
static __u64 ranges_wanted(const struct beside *beside)
{
	return peer_wanted(beside, stats_now(&beside->counter).starts);
}

/*
 * While the peer uses memory that changes, mnck counts the calls that kprobes count, and the
 * ranges that its own subscribers see.
 */
PEER_TEST(observed)
{
	struct running running = { .peer = &self->peer, .value = 1 };
	int kmsg = kmsg_open(O_NONBLOCK);
	pthread_t thread;
	struct probed row;
	long calls, ranges;
	__u64 wanted;

	REQUIRE_TABLES();
	REQUIRE_OPTION(has_fprobe(), "FPROBE");
	ASSERT_LE(0, kmsg);
	ASSERT_EQ(0, file_write(TABLES "violations", "clear"));
	/* The peer was there before: it is found. */
	/* By a process of one thread: KVM gives its users one more. */
	ASSERT_IN_CHILD(self->child, mnck_set_parameter("watch", 1));
	self->child = 0;
	self->watches = true;
	WAIT_UNTIL_PROBED(PEER_CALLBACK);
	/* After the fork a write of this process would begin a range. */
	ASSERT_EQ(0, own_pages());
	calls = probed_calls(PEER_CALLBACK);
	ranges = peer_ranges();
	wanted = ranges_wanted(&self->beside);

	ASSERT_EQ(0, pthread_create(&thread, NULL, run_peer, &running));
	for (int round = 0; round < 10; round++) {
		ASSERT_EQ(0, change(self->part, self->len, round % (PEER_GOES_ON ? 5 : 3)));
		WAIT_FOR_ROUND(&running);
	}
	running.stop = true;
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, running.error);

	ASSERT_TRUE(probed(PEER_CALLBACK, &row));
	/* Some changes do nothing on a kernel without huge pages. */
	EXPECT_LE(5, row.calls - calls);
	EXPECT_EQ(peer_ranges() - ranges, row.calls - calls);
	EXPECT_EQ(ranges_wanted(&self->beside) - wanted, (__u64)(row.calls - calls));
	EXPECT_EQ(0, row.refused);
	EXPECT_EQ(0, row.missed);
	if (PEER_END)
		EXPECT_EQ(row.calls, probed_calls(PEER_END));

	ASSERT_EQ(0, mnck_set_parameter("watch", 0));
	self->watches = false;
	EXPECT_NOTHING_LOGGED(kmsg);
	EXPECT_FALSE(is_accused(PEER_CALLBACK));
	EXPECT_FALSE(is_accused(" core:"));
	close(kmsg);
}

#endif /* MNCK_SELFTEST_SEEN_H */
