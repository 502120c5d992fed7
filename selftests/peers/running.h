/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory changes while the peer writes to it.
 *
 * A program includes this file after changes.h.
 */
#ifndef MNCK_SELFTEST_RUNNING_H
#define MNCK_SELFTEST_RUNNING_H

#include <pthread.h>
#include <stdatomic.h>

/* A peer that writes without pause, a higher value each time. */
struct running {
	struct peer *peer;
	atomic_uint rounds;	/* how often it has written to all pages */
	atomic_uint value;	/* the last value that it has written to all pages */
	atomic_bool stop;
	atomic_bool ended;
	int error;
};

static void *run_peer(void *argument)
{
	struct running *running = argument;
	__u32 value = running->value;

	while (!running->stop) {
		value++;
		running->error = peer_write(running->peer, PEER_START, PEER_LEN, value);
		if (!running->error) {
			running->value = value;
			running->rounds++;
		} else if (!PEER_GOES_ON || (running->error != PEER_NOT_MAPPED &&
					     running->error != PEER_NOT_WRITABLE)) {
			break;
		}
	}
	running->ended = true;
	return NULL;
}

/* Waits until the peer has begun and ended a round from now on. */
#define WAIT_FOR_ROUND(_running)                                \
	do {                                                    \
		__u32 wanted_ = (_running)->rounds + 2;         \
								\
		WAIT_UNTIL((_running)->rounds >= wanted_ || (_running)->ended); \
	} while (0)

static int change(char *start, size_t len, int how)
{
	switch (how) {
	case 0:
		return madvise(start, len, MADV_DONTNEED);
	case 1:
		return map_again(start, len);
	case 2:
		return has_thp() ? madvise(PEER_MEMORY, PEER_SIZE, MADV_COLLAPSE) : 0;
	case 3:
		return munmap(start, len) || map_again(start, len);
	default:
		return mprotect(start, len, PROT_READ) ||
		       mprotect(start, len, PROT_READ | PROT_WRITE);
	}
}

/* The memory changes while the peer writes to it. */
PEER_TEST(running)
{
	struct running running = { .peer = &self->peer, .value = 1 };
	pthread_t thread;
	__u32 value;

	ASSERT_EQ(0, pthread_create(&thread, NULL, run_peer, &running));
	for (int round = 0; round < 20; round++) {
		/* The last two ways leave the process without the memory for a moment. */
		ASSERT_EQ(0, change(self->part, self->len, round % (PEER_GOES_ON ? 5 : 3)));
		WAIT_FOR_ROUND(&running);
		value = running.value;
		EXPECT_TRUE(begin_with_at_least(PEER_START, PEER_LEN, value));
	}
	running.stop = true;
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, running.error);
}

#endif /* MNCK_SELFTEST_RUNNING_H */
