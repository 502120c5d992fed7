// SPDX-License-Identifier: GPL-2.0
/*
 * A chain when memory runs out.
 *
 * Each allocation of an attach, a join and a leave fails once.  The call then either
 * fails with ENOMEM and has had no effect, or succeeds without that memory.  Each
 * allocation for a range fails once: the chain waits for memory if the range is
 * blockable, and refuses the range, before it calls the member, if it is not.
 *
 * The test inserts the module anew with chain_slots=0, so that the first range of a
 * chain or a member needs an allocation.
 */
#include "chain.h"
#include "fail_nth.h"
#include "mnck_harness.h"
#include "module.h"
#include "option.h"
#include "proc.h"
#include "victim.h"

#define PAGES 4

/* Each range is noted by the chain, by the chain's own counter, by A and by B. */
#define ACCOUNTS 4

/* A chain with A and B on this process or on a victim, and what a call attaches. */
struct scene {
	int fd;
	size_t len;
	struct victim victim;
	struct subscriber chain;
	struct subscriber a;
	struct subscriber b;
	struct subscriber c;
};

static int leave_all(struct scene *s)
{
	struct mnck_stats stats;

	return mnck_detach(&s->a, &stats) || mnck_detach(&s->b, &stats) ||
	       mnck_detach(&s->chain, &stats);
}

static int join_all(struct scene *s, pid_t pid)
{
	return chain_attach(s->fd, pid, &s->chain) ||
	       chain_join(&s->chain, MNCK_KIND_COUNTER, &s->a) ||
	       chain_join(&s->chain, MNCK_KIND_TRYLOCK, &s->b);
}

static int call_attach(void *arg)
{
	struct scene *s = arg;

	return chain_attach(s->fd, 0, &s->c);
}

static int call_join(void *arg)
{
	struct scene *s = arg;

	return chain_join(&s->chain, MNCK_KIND_TRYLOCK, &s->c);
}

/* Also undoes an attach or a join that did not fail, which took the session's last place. */
static int call_leave(void *arg)
{
	struct scene *s = arg;
	struct mnck_stats stats;

	return mnck_detach(&s->c, &stats);
}

/* Attaches a new chain to this process, and maps memory that it shares with no other. */
static int prepare_munmap(void *arg)
{
	struct scene *s = arg;

	return map_pages(VICTIM_AREA, s->len) || own_pages() || join_all(s, 0) ? -1 : 0;
}

static int call_munmap(void *arg)
{
	struct scene *s = arg;

	return munmap(VICTIM_AREA, s->len);
}

/* Checks that the chain and its members have seen one start and one end each. */
static int undo_munmap(void *arg)
{
	struct scene *s = arg;
	struct subscriber *subs[] = { &s->chain, &s->a, &s->b };
	struct mnck_stats want = saw_unmaps(MNCK_KIND_COUNTER, 1, VICTIM_AREA, s->len);

	for (size_t i = 0; i < ARRAY_SIZE(subs); i++) {
		struct mnck_stats got = stats_now(subs[i]);

		if (*member_broken(&got) || *mnck_differs(&want, &got))
			return -1;
	}
	return leave_all(s);
}

FIXTURE(chain_memory)
{
	bool can_return;
	struct scene scene;
};

FIXTURE_SETUP(chain_memory)
{
	self->scene.fd = -1;
	self->scene.len = PAGES * getpagesize();
	ASSERT_EQ(0, small_pages());
	self->can_return = has_mnck_ko();
	if (!self->can_return)
		SKIP(return, "no mnck.ko to insert again: set MNCK_KO");
	ASSERT_EQ(0, mnck_remove());
	/* The chain, A, B, and the one that a call attaches. */
	ASSERT_EQ(0, mnck_insert("chain_slots=0 max_subscribers=4"));
	self->scene.fd = mnck_open();
	ASSERT_LE(0, self->scene.fd);
}

FIXTURE_TEARDOWN(chain_memory)
{
	fail_setup(FAIL_NOTHING);
	if (self->scene.fd >= 0)
		EXPECT_EQ(0, close(self->scene.fd));
	victim_kill(&self->scene.victim);
	if (!self->can_return)
		return;
	WAIT_UNTIL(!mnck_remove() || errno != EWOULDBLOCK);
	EXPECT_EQ(0, mnck_insert(""));
}

/* Lets fail-nth count slab allocations from here on. */
#define ASSERT_CAN_FAIL()                                                         \
	do {                                                                      \
		const char *lacks_;                                               \
										  \
		REQUIRE_FAULT_INJECTION();                                        \
		lacks_ = fail_setup(FAIL_SLAB);                                   \
		ASSERT_EQ(NULL, lacks_) TH_LOG("%s: %m", lacks_);                 \
	} while (0)

/* Repeats a call with each of its allocations failing in turn; no error but ENOMEM may come. */
#define SWEEP(_sweep, _swept)                                                     \
	do {                                                                      \
		ASSERT_EQ(0, sweep_all(_sweep, &self->scene, _swept)) TH_LOG("%m"); \
		TH_LOG("%u failed, %u absorbed", (_swept)->failed, (_swept)->absorbed); \
		EXPECT_EQ(0, (_swept)->wrong_errno);                              \
		EXPECT_EQ(0, (_swept)->result);                                   \
	} while (0)

/*
 * An attach allocates its place in the session, the entry at that place, the statistics;
 * the chain's shared state and its first list of members; two registrations; and for the
 * first member the subscriber, its account of open ranges, and a new list with its array.
 */
TEST_F_TIMEOUT(chain_memory, attach, MNCK_TIMEOUT)
{
	const struct sweep sweep = { .call = call_attach, .undo = call_leave };
	struct swept swept;

	ASSERT_CAN_FAIL();
	ASSERT_EQ(0, join_all(&self->scene, 0));
	SWEEP(&sweep, &swept);
	EXPECT_LE(11, swept.failed);
}

/* A join fails with ENOMEM, whichever of its allocations fails. */
TEST_F_TIMEOUT(chain_memory, join, MNCK_TIMEOUT)
{
	const struct sweep sweep = { .call = call_join, .undo = call_leave };
	struct swept swept;

	ASSERT_CAN_FAIL();
	ASSERT_EQ(0, join_all(&self->scene, 0));
	SWEEP(&sweep, &swept);
	EXPECT_LE(7, swept.failed);
	EXPECT_EQ(0, swept.absorbed);
}

/* A leave succeeds, whichever of its allocations fails. */
TEST_F_TIMEOUT(chain_memory, leave, MNCK_TIMEOUT)
{
	const struct sweep sweep = { .prepare = call_join, .call = call_leave };
	struct swept swept;

	ASSERT_CAN_FAIL();
	ASSERT_EQ(0, join_all(&self->scene, 0));
	SWEEP(&sweep, &swept);
	EXPECT_EQ(0, swept.failed);
	EXPECT_LE(2, swept.absorbed);
}

/* A blockable range for which memory is missing waits, and munmap() succeeds. */
TEST_F_TIMEOUT(chain_memory, blockable_range, MNCK_TIMEOUT)
{
	const struct sweep sweep = {
		.prepare = prepare_munmap, .call = call_munmap, .undo = undo_munmap,
	};
	struct swept swept;

	ASSERT_CAN_FAIL();
	/* munmap() may fail for one of mm's own allocations, but not for one of the chain's. */
	SWEEP(&sweep, &swept);
	EXPECT_LE(ACCOUNTS, swept.absorbed);
}

/*
 * A non-blockable range is refused if memory is missing: in turn for the chain, its
 * counter, A and B.  The members that have started before get the end.
 */
TEST_F_TIMEOUT(chain_memory, non_blockable_range, MNCK_TIMEOUT)
{
	struct scene *s = &self->scene;
	struct subscriber *subs[] = { &s->chain, &s->a, &s->b };
	struct victim *v = &s->victim;
	struct reapable reap;
	unsigned int refused = 0;
	int fd;

	ASSERT_CAN_FAIL();
	fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	/* The first allocations that fail are mm's own. */
	for (int nth = 1; refused < ACCOUNTS; nth++) {
		char text[16];
		int error;

		ASSERT_EQ(0, victim_start(v, s->len));
		ASSERT_EQ(0, victim_trace_exit(v));
		ASSERT_EQ(0, join_all(s, v->pid));
		ASSERT_EQ(0, kill(v->pid, SIGKILL));
		ASSERT_EQ(0, victim_wait_exit_stop(v));
		ASSERT_EQ(0, proc_reapable(v->pid, &reap));

		snprintf(text, sizeof(text), "%d", nth);
		ASSERT_LT(0, write(fd, text, strlen(text)));
		error = errno_of(victim_mrelease(v));
		memset(text, 0, sizeof(text));
		ASSERT_LT(0, pread(fd, text, sizeof(text) - 1, 0));
		ASSERT_EQ(1, pwrite(fd, "0", 1, 0));
		/* The nth allocation existed, and has failed. */
		ASSERT_EQ(0, strtoul(text, NULL, 10));

		if (error == EAGAIN) {
			/* The chain's own account allocates before those of the members. */
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
		ASSERT_EQ(0, leave_all(s));
		victim_kill(v);
	}
	close(fd);
}

TEST_HARNESS_MAIN
