// SPDX-License-Identifier: GPL-2.0
/*
 * Calls about chains with wrong arguments: each fails with the documented error, has
 * no effect, and writes nothing to the kernel's log.
 */
#include <stdint.h>

#include "chain.h"
#include "kmsg.h"
#include "mnck_harness.h"

FIXTURE(chain_call)
{
	int fd;
	int kmsg;
	struct subscriber counter;
	struct subscriber chain;
	struct subscriber a;
	struct subscriber b;
};

FIXTURE_SETUP(chain_call)
{
	self->kmsg = kmsg_open(O_NONBLOCK);
	ASSERT_LE(0, self->kmsg);
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	/* While a lock is held, a copy-on-write fault of this process would wait for it. */
	ASSERT_EQ(0, own_pages());
	/* So that the chain's id is not 0. */
	ASSERT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_COUNTER, &self->counter));
	ASSERT_EQ(0, chain_attach(self->fd, 0, &self->chain));
	ASSERT_EQ(0, chain_join(&self->chain, MNCK_KIND_COUNTER, &self->a));
	ASSERT_EQ(0, chain_join(&self->chain, MNCK_KIND_TRYLOCK, &self->b));
}

FIXTURE_TEARDOWN(chain_call)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	EXPECT_NOTHING_LOGGED(self->kmsg);
	close(self->kmsg);
}

/* Only a counter or a trylock can be a member, with no argument but its own. */
TEST_F_TIMEOUT(chain_call, attach, MNCK_TIMEOUT)
{
	const __u32 in_chain = MNCK_ATTACH_IN_CHAIN;
	const __u64 chain = self->chain.id;
	const struct mnck_attach wrong[] = {
		{ .kind = MNCK_KIND_CHAIN, .chain = chain },
		{ .kind = MNCK_KIND_CHAIN, .end = getpagesize() },
		{ .kind = MNCK_KIND_COUNTER, .chain = chain },
		{ .flags = in_chain, .chain = chain, .pid = getpid() },
		{ .flags = in_chain, .chain = chain, .pid = -1 },
		{ .flags = in_chain, .chain = chain, .end = getpagesize() },
		{ .flags = in_chain | MNCK_ATTACH_LOCKED, .chain = chain },
		{ .flags = in_chain, .chain = self->counter.id },
		{ .flags = in_chain, .chain = self->a.id },
	};
	const __u64 unknown[] = { 99, chain | 1ULL << 32, UINT64_MAX };
	struct subscriber sub;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		EXPECT_ERRNO(EINVAL, mnck_attach_how(self->fd, wrong[i], &sub))
			TH_LOG("case %zu", i);
	}
	for (__u32 kind = 0; kind <= MNCK_KIND_CHAIN + 1; kind++) {
		bool can = kind == MNCK_KIND_COUNTER || kind == MNCK_KIND_TRYLOCK;

		EXPECT_ERRNO(can ? 0 : EINVAL, chain_join(&self->chain, kind, &sub))
			TH_LOG("kind %u", kind);
	}
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		struct subscriber none = { .fd = self->fd, .id = unknown[i] };

		EXPECT_ERRNO(ENOENT, chain_join(&none, MNCK_KIND_COUNTER, &sub));
	}
}

/* A session cannot attach a member to a chain of another session. */
TEST_F_TIMEOUT(chain_call, other_session, MNCK_TIMEOUT)
{
	struct subscriber other = self->chain, sub;

	other.fd = mnck_open();
	ASSERT_LE(0, other.fd);
	EXPECT_ERRNO(ENOENT, chain_join(&other, MNCK_KIND_COUNTER, &sub));
	EXPECT_EQ(0, close(other.fd));
}

/* A chain can be detached only when it has no members. */
TEST_F_TIMEOUT(chain_call, detach, MNCK_TIMEOUT)
{
	struct mnck_stats stats;
	struct subscriber sub;

	EXPECT_ERRNO(EBUSY, mnck_detach(&self->chain, &stats));
	EXPECT_EQ(0, mnck_detach(&self->a, &stats));
	EXPECT_ERRNO(EBUSY, mnck_detach(&self->chain, &stats));
	EXPECT_EQ(0, mnck_detach(&self->b, &stats));
	EXPECT_EQ(0, mnck_detach(&self->chain, &stats));
	EXPECT_ERRNO(ENOENT, chain_join(&self->chain, MNCK_KIND_COUNTER, &sub));
}

/* Of a chain and its members only the trylock has a lock to hold. */
TEST_F_TIMEOUT(chain_call, lock, MNCK_TIMEOUT)
{
	struct mnck_stats stats;

	EXPECT_ERRNO(EINVAL, mnck_lock(&self->chain, MNCK_LOCK_HOLD));
	EXPECT_ERRNO(EINVAL, mnck_lock(&self->a, MNCK_LOCK_HOLD));
	EXPECT_ERRNO(ENOLCK, mnck_lock(&self->b, MNCK_LOCK_RELEASE));
	EXPECT_EQ(0, mnck_lock(&self->b, MNCK_LOCK_HOLD));
	EXPECT_ERRNO(EBUSY, mnck_lock(&self->b, MNCK_LOCK_HOLD));
	/* It can be detached while its lock is held. */
	EXPECT_EQ(0, mnck_detach(&self->b, &stats));
}

/* Each member counts as one of the session's subscribers. */
TEST_F_TIMEOUT(chain_call, limit, MNCK_TIMEOUT)
{
	struct subscriber sub;
	int n = 4;

	while (!chain_join(&self->chain, MNCK_KIND_COUNTER, &sub) && n < 2 * MNCK_MAX_SUBSCRIBERS)
		n++;
	EXPECT_EQ(ENOSPC, errno);
	EXPECT_EQ(MNCK_MAX_SUBSCRIBERS, n);
}

TEST_HARNESS_MAIN
