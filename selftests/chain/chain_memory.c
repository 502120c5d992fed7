// SPDX-License-Identifier: GPL-2.0
/*
 * A chain without memory.
 *
 * Each allocation of attaching it, of joining it and of leaving it fails once: it
 * then fails with ENOMEM and has done nothing, or goes on without.  Each allocation
 * of a range fails once: a blockable range waits until there is memory, and a
 * non-blockable one is refused before anybody is asked.
 *
 * The module is inserted anew with chain_slots=0, so that there is an allocation
 * for the first range that a chain or a member sees.
 */
#include "chain.h"
#include "fail_nth.h"
#include "mnck_harness.h"
#include "module.h"
#include "option.h"
#include "proc.h"
#include "victim.h"

#define PAGES 4

/* The chain itself, its own counter, A and B. */
#define ACCOUNTS 4

struct attempt {
	int fd;
	size_t len;
	struct victim victim;
	struct subscriber chain;
	struct subscriber a;
	struct subscriber b;
	struct subscriber c;
};

static int leave_all(struct attempt *at)
{
	struct mnck_stats stats;

	return mnck_detach(&at->a, &stats) || mnck_detach(&at->b, &stats) ||
	       mnck_detach(&at->chain, &stats);
}

static int join_all(struct attempt *at, pid_t pid)
{
	return chain_attach(at->fd, pid, MNCK_POLICY_EXACT, &at->chain) ||
	       chain_join(&at->chain, MNCK_KIND_COUNTER, &at->a) ||
	       chain_join(&at->chain, MNCK_KIND_TRYLOCK, &at->b);
}

static int call_attach(void *arg)
{
	struct attempt *at = arg;

	return chain_attach(at->fd, 0, MNCK_POLICY_EXACT, &at->c);
}

static int call_join(void *arg)
{
	struct attempt *at = arg;

	return chain_join(&at->chain, MNCK_KIND_TRYLOCK, &at->c);
}

/* What has not failed takes the place that is left. */
static int undo_attach(void *arg)
{
	struct attempt *at = arg;
	struct mnck_stats stats;

	return mnck_detach(&at->c, &stats);
}

static int prepare_leave(void *arg)
{
	return call_join(arg);
}

static int call_leave(void *arg)
{
	struct attempt *at = arg;
	struct mnck_stats stats;

	return mnck_detach(&at->c, &stats);
}

/* A new chain on this process, and memory that is its own. */
static int prepare_munmap(void *arg)
{
	struct attempt *at = arg;

	return map_pages(VICTIM_AREA, at->len) || own_pages() || join_all(at, 0) ? -1 : 0;
}

static int call_munmap(void *arg)
{
	struct attempt *at = arg;

	return munmap(VICTIM_AREA, at->len);
}

/* All were asked, and ended, once. */
static int undo_munmap(void *arg)
{
	struct attempt *at = arg;
	struct subscriber *subs[] = { &at->chain, &at->a, &at->b };
	struct mnck_stats want = saw_unmaps(MNCK_KIND_COUNTER, 1, VICTIM_AREA, at->len);

	for (size_t i = 0; i < ARRAY_SIZE(subs); i++) {
		struct mnck_stats got = stats_now(subs[i]);

		if (*member_broken(&got) || *mnck_differs(&want, &got))
			return -1;
	}
	return leave_all(at);
}

FIXTURE(chain_memory)
{
	bool can_return;
	struct attempt at;
};

FIXTURE_SETUP(chain_memory)
{
	self->at.fd = -1;
	self->at.len = PAGES * getpagesize();
	ASSERT_EQ(0, small_pages());
	self->can_return = has_mnck_ko();
	if (!self->can_return)
		SKIP(return, "no mnck.ko to insert again: set MNCK_KO");
	ASSERT_EQ(0, mnck_remove());
	/* The chain, A, B, and one more. */
	ASSERT_EQ(0, mnck_insert("chain_slots=0 max_subscribers=4"));
	self->at.fd = mnck_open();
	ASSERT_LE(0, self->at.fd);
}

FIXTURE_TEARDOWN(chain_memory)
{
	fail_setup(FAIL_NOTHING);
	if (self->at.fd >= 0)
		EXPECT_EQ(0, close(self->at.fd));
	victim_kill(&self->at.victim);
	if (!self->can_return)
		return;
	WAIT_UNTIL(!mnck_remove() || errno != EWOULDBLOCK);
	EXPECT_EQ(0, mnck_insert(""));
}

#define ASSERT_CAN_FAIL()                                                         \
	do {                                                                      \
		const char *lacks_;                                               \
										  \
		REQUIRE_FAULT_INJECTION();                                        \
		lacks_ = fail_setup(FAIL_SLAB);                                   \
		ASSERT_EQ(NULL, lacks_) TH_LOG("%s: %m", lacks_);                 \
	} while (0)

#define SWEEP(_sweep, _swept)                                                     \
	do {                                                                      \
		ASSERT_EQ(0, sweep_all(_sweep, &self->at, _swept)) TH_LOG("%m");  \
		TH_LOG("%u failed, %u absorbed", (_swept)->failed, (_swept)->absorbed); \
		EXPECT_EQ(0, (_swept)->wrong_errno);                              \
		EXPECT_EQ(0, (_swept)->result);                                   \
	} while (0)

/*
 * Its place in the session, what stands there, the statistics; what the chain's
 * parts have in common and its first list; two registrations; the first member: the
 * subscriber, its account, the new list with its array.
 */
TEST_F_TIMEOUT(chain_memory, attach, MNCK_TIMEOUT)
{
	const struct sweep sweep = { .call = call_attach, .undo = undo_attach };
	struct swept swept;

	ASSERT_CAN_FAIL();
	ASSERT_EQ(0, join_all(&self->at, 0));
	SWEEP(&sweep, &swept);
	EXPECT_LE(11, swept.failed);
}

TEST_F_TIMEOUT(chain_memory, join, MNCK_TIMEOUT)
{
	const struct sweep sweep = { .call = call_join, .undo = undo_attach };
	struct swept swept;

	ASSERT_CAN_FAIL();
	ASSERT_EQ(0, join_all(&self->at, 0));
	SWEEP(&sweep, &swept);
	EXPECT_LE(7, swept.failed);
	EXPECT_EQ(0, swept.absorbed);
}

/* A leave can't fail. */
TEST_F_TIMEOUT(chain_memory, leave, MNCK_TIMEOUT)
{
	const struct sweep sweep = { .prepare = prepare_leave, .call = call_leave };
	struct swept swept;

	ASSERT_CAN_FAIL();
	ASSERT_EQ(0, join_all(&self->at, 0));
	SWEEP(&sweep, &swept);
	EXPECT_EQ(0, swept.failed);
	EXPECT_LE(2, swept.absorbed);
}

TEST_F_TIMEOUT(chain_memory, blockable_range, MNCK_TIMEOUT)
{
	const struct sweep sweep = {
		.prepare = prepare_munmap, .call = call_munmap, .undo = undo_munmap,
	};
	struct swept swept;

	ASSERT_CAN_FAIL();
	/* The kernel's own may fail as well; ours do not fail the call. */
	SWEEP(&sweep, &swept);
	EXPECT_LE(ACCOUNTS, swept.absorbed);
}

/*
 * The first range that a reap sends fails to find memory for the chain, then for
 * its counter, then for A, then for B: whoever was asked before has its end.
 */
TEST_F_TIMEOUT(chain_memory, non_blockable_range, MNCK_TIMEOUT)
{
	struct attempt *at = &self->at;
	struct subscriber *subs[] = { &at->chain, &at->a, &at->b };
	struct victim *v = &at->victim;
	struct reapable reap;
	unsigned int refused = 0;
	int fd;

	ASSERT_CAN_FAIL();
	fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	/* The kernel's own allocations are among them, and come first. */
	for (int nth = 1; refused < ACCOUNTS; nth++) {
		char text[16];
		int error;

		ASSERT_EQ(0, victim_start(v, at->len));
		ASSERT_EQ(0, victim_trace_exit(v));
		ASSERT_EQ(0, join_all(at, v->pid));
		ASSERT_EQ(0, kill(v->pid, SIGKILL));
		ASSERT_EQ(0, victim_wait_exit_stop(v));
		ASSERT_EQ(0, proc_reapable(v->pid, &reap));

		snprintf(text, sizeof(text), "%d", nth);
		ASSERT_LT(0, write(fd, text, strlen(text)));
		error = errno_of(victim_mrelease(v));
		memset(text, 0, sizeof(text));
		ASSERT_LT(0, pread(fd, text, sizeof(text) - 1, 0));
		ASSERT_EQ(1, pwrite(fd, "0", 1, 0));
		/* It has failed. */
		ASSERT_EQ(0, strtoul(text, NULL, 10));

		if (error == EAGAIN) {
			/* The chain's account comes before all members. */
			for (size_t i = 0; i < ARRAY_SIZE(subs); i++) {
				struct mnck_stats got = stats_now(subs[i]);
				bool asked = refused > i + 1;

				EXPECT_STREQ("", member_broken(&got));
				EXPECT_EQ(0, got.open);
				EXPECT_EQ(0, got.refusals);
				EXPECT_EQ(reap.vmas - !asked, got.ends)
					TH_LOG("account %u, member %zu", refused, i);
			}
			refused++;
		} else {
			ASSERT_EQ(ENOMEM, error);
		}
		ASSERT_EQ(0, leave_all(at));
		victim_kill(v);
	}
	close(fd);
}

TEST_HARNESS_MAIN
