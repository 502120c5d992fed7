// SPDX-License-Identifier: GPL-2.0
/*
 * Shared subscribers that many attach and detach at once, and the module that
 * goes right behind the last of them.
 */
#include <pthread.h>
#include <stdint.h>

#include "mnck_harness.h"
#include "module.h"
#include "victim.h"

#define THREADS 8
#define ROUNDS 25

FIXTURE(shared_race)
{
	int fd;
	struct victim victim;
	struct subscriber teller;
	struct mnck_stats before;
};

/* Is there no shared subscriber any more?  That needs nobody's doing. */
static bool all_freed(const struct subscriber *teller, struct mnck_stats *stats)
{
	return !mnck_stats(teller, stats) && stats->freed == stats->made;
}

FIXTURE_SETUP(shared_race)
{
	self->fd = -1;
	ASSERT_EQ(0, victim_start(&self->victim, getpagesize()));
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_COUNTER, &self->teller));
	/* What an earlier test has left. */
	WAIT_UNTIL(all_freed(&self->teller, &self->before));
}

FIXTURE_TEARDOWN(shared_race)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	victim_kill(&self->victim);
}

struct attacher {
	pthread_t thread;
	/* Of the whole team, or NULL for those that go on as they like. */
	pthread_barrier_t *barrier;
	pid_t victim;
	__u32 flags;
	unsigned int failed;
	__u64 serials[ROUNDS];
};

static void meet(const struct attacher *a)
{
	if (a->barrier)
		pthread_barrier_wait(a->barrier);
}

/* Each in a session of its own. */
static void *attach_thread(void *arg)
{
	struct attacher *a = arg;
	int fd = mnck_open();

	for (int i = 0; i < ROUNDS; i++) {
		struct mnck_attach how = {
			.pid = a->victim, .kind = MNCK_KIND_SHARED, .flags = a->flags,
		};
		struct mnck_stats stats;
		struct subscriber sub;
		bool attached;

		meet(a);	/* all have detached */
		attached = !mnck_attach_how(fd, how, &sub);
		meet(a);	/* all have attached */
		if (!attached || mnck_detach(&sub, &stats))
			a->failed++;
		else
			a->serials[i] = stats.serial;
	}
	close(fd);
	return NULL;
}

/* Half of them with the mmap lock taken before. */
#define RUN_ATTACHERS(_attachers, _barrier)                                       \
	do {                                                                      \
		for (int i_ = 0; i_ < THREADS; i_++) {                            \
			(_attachers)[i_] = (struct attacher){                     \
				.barrier = _barrier,                              \
				.victim = self->victim.pid,                       \
				.flags = i_ & 1 ? MNCK_ATTACH_LOCKED : 0,         \
			};                                                        \
			ASSERT_EQ(0, pthread_create(&(_attachers)[i_].thread, NULL, \
						    attach_thread, &(_attachers)[i_])); \
		}                                                                 \
		for (int i_ = 0; i_ < THREADS; i_++) {                            \
			ASSERT_EQ(0, pthread_join((_attachers)[i_].thread, NULL)); \
			EXPECT_EQ(0, (_attachers)[i_].failed);                    \
		}                                                                 \
	} while (0)

/* All attach, and whoever is first makes it; all detach, and the last frees it. */
TEST_F_TIMEOUT(shared_race, in_step, MNCK_TIMEOUT)
{
	static struct attacher attachers[THREADS];
	pthread_barrier_t barrier;
	struct mnck_stats stats;

	ASSERT_EQ(0, pthread_barrier_init(&barrier, NULL, THREADS));
	RUN_ATTACHERS(attachers, &barrier);

	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 1; i < THREADS; i++)
			EXPECT_EQ(attachers[0].serials[round], attachers[i].serials[round]);
		if (round)
			EXPECT_LT(attachers[0].serials[round - 1], attachers[0].serials[round]);
	}
	WAIT_UNTIL(all_freed(&self->teller, &stats));
	EXPECT_EQ(self->before.made + ROUNDS, stats.made);
}

/* As many as want to be made, of which none is left. */
TEST_F_TIMEOUT(shared_race, out_of_step, MNCK_TIMEOUT)
{
	static struct attacher attachers[THREADS];
	struct mnck_stats stats;

	RUN_ATTACHERS(attachers, NULL);
	WAIT_UNTIL(all_freed(&self->teller, &stats));
	EXPECT_LE(self->before.made + 1, stats.made);
	EXPECT_GE(self->before.made + THREADS * ROUNDS, stats.made);
}

/* The target exits while the others come and go. */
TEST_F_TIMEOUT(shared_race, target_exits, MNCK_TIMEOUT)
{
	struct mnck_stats stats;
	struct subscriber sub;
	int attached = 0, error = 0;

	/* It is told to and then does, when it gets to it. */
	while (!error) {
		error = errno_of(mnck_attach(self->fd, self->victim.pid, MNCK_KIND_SHARED, &sub));
		if (!error) {
			ASSERT_EQ(0, mnck_detach(&sub, &stats));
			EXPECT_STREQ("", mnck_broken(MNCK_KIND_SHARED, &stats));
			EXPECT_GE(1, stats.releases);
			if (++attached == 5)
				ASSERT_EQ(0, kill(self->victim.pid, SIGKILL));
		}
	}
	EXPECT_EQ(ESRCH, error);
	EXPECT_LE(5, attached);
	ASSERT_EQ(SIGKILL, victim_join(&self->victim));
	WAIT_UNTIL(all_freed(&self->teller, &stats));
	EXPECT_LE(self->before.made + 1, stats.made);
}

FIXTURE(shared_module)
{
	int fd;
	struct victim victim;
};

FIXTURE_SETUP(shared_module)
{
	REQUIRE_MNCK_KO();
	self->fd = -1;
	ASSERT_EQ(0, victim_start(&self->victim, getpagesize()));
}

FIXTURE_TEARDOWN(shared_module)
{
	if (self->fd >= 0)
		close(self->fd);
	if (mnck_insert(""))
		EXPECT_EQ(EEXIST, errno);
	victim_kill(&self->victim);
}

/*
 * Until it is freed a shared subscriber keeps its module, and that is freed in
 * the module's code.  So whoever removes the module at once is refused, or the
 * module waits for the free, but never does it go first.
 */
TEST_F_TIMEOUT(shared_module, removed_at_once, MNCK_TIMEOUT)
{
	int refused = 0;

	for (int i = 0; i < ROUNDS / 2; i++) {
		struct subscriber sub, second;
		struct mnck_stats stats;

		self->fd = mnck_open();
		ASSERT_LE(0, self->fd);
		ASSERT_EQ(0, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_SHARED, &sub));
		ASSERT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_SHARED, &second));
		EXPECT_ERRNO(EWOULDBLOCK, mnck_remove());
		if (i & 1)
			ASSERT_EQ(0, mnck_detach(&sub, &stats));
		ASSERT_EQ(0, close(self->fd));
		self->fd = -1;

		while (mnck_remove()) {
			ASSERT_EQ(EWOULDBLOCK, errno);
			refused++;
		}
		ASSERT_EQ(0, mnck_insert(""));
	}
	TH_LOG("refused %d times", refused);
}

TEST_HARNESS_MAIN
