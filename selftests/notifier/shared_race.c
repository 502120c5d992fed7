// SPDX-License-Identifier: GPL-2.0
/*
 * Proves that shared subscribers are made once and freed once while many threads
 * attach and detach them, and that the module stays until the last one is freed.
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
	/* A counter on the test itself, to read the numbers of shared subscribers from. */
	struct subscriber census;
	struct mnck_stats before;
};

/* Returns whether the core has freed all shared subscribers, which it does by itself. */
static bool all_freed(const struct subscriber *census, struct mnck_stats *stats)
{
	return !mnck_stats(census, stats) && stats->freed == stats->made;
}

FIXTURE_SETUP(shared_race)
{
	self->fd = -1;
	ASSERT_EQ(0, victim_start(&self->victim, getpagesize()));
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_COUNTER, &self->census));
	/* An earlier test may have left some that are not freed yet. */
	WAIT_UNTIL(all_freed(&self->census, &self->before));
}

FIXTURE_TEARDOWN(shared_race)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	victim_kill(&self->victim);
}

struct attacher {
	pthread_t thread;
	/* Where all threads wait for each other, or NULL if they do not. */
	pthread_barrier_t *barrier;
	pid_t victim;
	__u32 flags;
	unsigned int failed;
	__u64 serials[ROUNDS];
};

static void wait_for_others(const struct attacher *a)
{
	if (a->barrier)
		pthread_barrier_wait(a->barrier);
}

/* Attaches and detaches a shared subscriber in a session of its own, again and again. */
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

		wait_for_others(a);	/* all have detached */
		attached = !mnck_attach_how(fd, how, &sub);
		wait_for_others(a);	/* all have attached */
		if (!attached || mnck_detach(&sub, &stats))
			a->failed++;
		else
			a->serials[i] = stats.serial;
	}
	close(fd);
	return NULL;
}

/* Runs all threads to their end; half of them attach with the mmap lock held. */
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

/*
 * When all threads attach at once, the first one makes the subscriber and the
 * others get the same; when all have detached, it is freed.
 */
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
	WAIT_UNTIL(all_freed(&self->census, &stats));
	EXPECT_EQ(self->before.made + ROUNDS, stats.made);
}

/* Threads that do not wait for each other share or make subscribers; none is left. */
TEST_F_TIMEOUT(shared_race, out_of_step, MNCK_TIMEOUT)
{
	static struct attacher attachers[THREADS];
	struct mnck_stats stats;

	RUN_ATTACHERS(attachers, NULL);
	WAIT_UNTIL(all_freed(&self->census, &stats));
	EXPECT_LE(self->before.made + 1, stats.made);
	EXPECT_GE(self->before.made + THREADS * ROUNDS, stats.made);
}

/* An attach succeeds until the target has exited, then it fails with ESRCH. */
TEST_F_TIMEOUT(shared_race, target_exits, MNCK_TIMEOUT)
{
	struct mnck_stats stats;
	struct subscriber sub;
	int attached = 0, error = 0;

	/* The target is killed after the fifth attach, and exits some attaches later. */
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
	WAIT_UNTIL(all_freed(&self->census, &stats));
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
 * A shared subscriber is freed by code of the module, and keeps the module until
 * then.  So delete_module() right after the last detach either is refused or waits
 * for the free; it never removes the module first.
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
