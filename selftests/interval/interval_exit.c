// SPDX-License-Identifier: GPL-2.0
/*
 * Proves that an interval subscriber sees the end of an mm as two invalidations of the
 * whole address space, also if the OOM reaper, a detach or the removal of the module
 * comes at that moment.
 */
#include <time.h>

#include "child.h"
#include "interval.h"
#include "mnck_harness.h"
#include "module.h"
#include "proc.h"
#include "victim.h"

#define AREA_SIZE 0x100000L

FIXTURE(interval_exit)
{
	int fd;
	struct victim victim;
	/* Subscribers to the victim's area, and to the whole address space. */
	struct subscriber area;
	struct subscriber all;
};

FIXTURE_VARIANT(interval_exit)
{
	__u32 kind;
};

FIXTURE_VARIANT_ADD(interval_exit, mirror)
{
	.kind = MNCK_KIND_MIRROR,
};

FIXTURE_VARIANT_ADD(interval_exit, two_pass)
{
	.kind = MNCK_KIND_TWO_PASS,
};

FIXTURE_SETUP(interval_exit)
{
	struct victim *v = &self->victim;

	self->fd = -1;
	ASSERT_EQ(0, victim_start(v, AREA_SIZE));
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, interval_attach(self->fd, v->pid, variant->kind, 0, VICTIM_AREA, AREA_SIZE,
				     &self->area));
	ASSERT_EQ(0, interval_attach(self->fd, v->pid, variant->kind, 0, NULL, ADDRESS_SPACE,
				     &self->all));
}

FIXTURE_TEARDOWN(interval_exit)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	victim_kill(&self->victim);
}

/*
 * Returns the statistics that follow @before after an exit: a RELEASE and then an UNMAP,
 * both of the whole address space.
 */
static struct mnck_stats saw_exit(struct mnck_stats before, __u32 kind)
{
	struct mnck_stats want = before;

	want.starts += 2;
	if (mnck_has_ends(kind))
		want.ends += 2;
	want.events[MNCK_EVENT_RELEASE]++;
	want.events[MNCK_EVENT_UNMAP]++;
	want.last_start = 0;
	want.last_end = ULONG_MAX;
	want.last_event = MNCK_EVENT_UNMAP;
	want.last_flags = MNCK_RANGE_BLOCKABLE;
	want.bytes += 2 * ULONG_MAX;
	return want;
}

/* @_sub has seen an exit after @_before, sees nothing more, and can be detached. */
#define EXPECT_EXITED(_sub, _before)                                                    \
	do {                                                                            \
		EXPECT_STATS(_sub, saw_exit(_before, variant->kind));                   \
		EXPECT_DETACH(_sub, saw_exit(_before, variant->kind));                  \
	} while (0)

/* The subscribers see the exit of a process. */
TEST_F_TIMEOUT(interval_exit, exit, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, victim_send(&self->victim, VICTIM_EXIT, NULL, 0));
	ASSERT_EQ(0, victim_join(&self->victim));
	EXPECT_EXITED(&self->area, saw_nothing());
	EXPECT_EXITED(&self->all, saw_nothing());
}

/* The subscribers see the exit of a process that is killed. */
TEST_F_TIMEOUT(interval_exit, killed, MNCK_TIMEOUT)
{
	struct mnck_stats want = saw_unmaps(variant->kind, 1, VICTIM_AREA, AREA_SIZE / 2);

	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, AREA_SIZE / 2));
	EXPECT_STATS(&self->area, want);
	ASSERT_EQ(SIGKILL, victim_kill(&self->victim));
	EXPECT_EXITED(&self->area, want);
	EXPECT_EXITED(&self->all, want);
}

/* exec ends the old mm; the new program has another one, without subscribers. */
TEST_F_TIMEOUT(interval_exit, exec, MNCK_TIMEOUT)
{
	struct subscriber fresh;

	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_EXEC, NULL, 0));
	EXPECT_STATS(&self->area, saw_exit(saw_nothing(), variant->kind));

	ASSERT_EQ(0, interval_attach(self->fd, self->victim.pid, variant->kind, 0, VICTIM_AREA,
				     AREA_SIZE, &fresh));
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, AREA_SIZE));
	EXPECT_EXITED(&self->area, saw_nothing());
	EXPECT_EXITED(&self->all, saw_nothing());
	EXPECT_DETACH(&fresh, saw_unmaps(variant->kind, 1, VICTIM_AREA, AREA_SIZE));
}

/* The child of a fork has another mm, without subscribers. */
TEST_F_TIMEOUT(interval_exit, fork, MNCK_TIMEOUT)
{
	struct mnck_stats forked = saw(variant->kind, 1, MNCK_EVENT_PROTECTION_PAGE,
				       MNCK_RANGE_BLOCKABLE, VICTIM_AREA, AREA_SIZE, AREA_SIZE);

	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_FORK, NULL, 0));
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, AREA_SIZE));
	EXPECT_STATS(&self->area, forked);
	ASSERT_EQ(SIGKILL, victim_kill(&self->victim));
	EXPECT_EXITED(&self->area, forked);
}

/* Kills the victim, which stops in exit, where it still has its mm. */
#define KILL_AND_STOP_IN_EXIT(_victim)                                                  \
	do {                                                                            \
		ASSERT_EQ(0, victim_trace_exit(_victim));                               \
		ASSERT_EQ(0, victim_doom(_victim));                                     \
	} while (0)

/* Returns what a subscriber to the area counts when that is reaped @n times. */
static struct mnck_stats saw_reap(__u32 kind, __u64 n)
{
	return saw(kind, n, MNCK_EVENT_CLEAR, 0, VICTIM_AREA, AREA_SIZE, n * AREA_SIZE);
}

/* The subscribers see the reaping of the ranges that overlap their own, and then the exit. */
TEST_F_TIMEOUT(interval_exit, reaped, MNCK_TIMEOUT)
{
	struct victim *v = &self->victim;
	struct reapable reap;
	struct mnck_stats all;

	KILL_AND_STOP_IN_EXIT(v);
	ASSERT_EQ(0, proc_reapable(v->pid, &reap));
	ASSERT_EQ(0, victim_mrelease(v));
	all = saw(variant->kind, reap.vmas, MNCK_EVENT_CLEAR, 0, (void *)reap.start,
		  reap.end - reap.start, reap.bytes);
	EXPECT_STATS(&self->area, saw_reap(variant->kind, 1));
	EXPECT_STATS(&self->all, all);
	EXPECT_EQ(0, proc_rss_anon(v->pid));

	victim_join(v);
	EXPECT_EXITED(&self->area, saw_reap(variant->kind, 1));
	EXPECT_EXITED(&self->all, all);
}

/*
 * A mirror that refuses, and a two-pass subscriber at a lower address, which has started
 * by then.  There must be no trylock: up to Linux 7.3, when that refuses, the core does
 * not end the invalidation for the interval subscribers.
 */
FIXTURE(interval_refusal)
{
	int fd;
	struct victim victim;
	struct subscriber two_pass;
	struct subscriber mirror;
	struct call hold;
};

FIXTURE_SETUP(interval_refusal)
{
	struct victim *v = &self->victim;

	self->fd = -1;
	ASSERT_EQ(0, victim_start(v, AREA_SIZE));
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, interval_attach(self->fd, v->pid, MNCK_KIND_TWO_PASS, 0, VICTIM_AREA,
				     getpagesize(), &self->two_pass));
	ASSERT_EQ(0, interval_attach(self->fd, v->pid, MNCK_KIND_MIRROR, 0,
				     VICTIM_AREA + getpagesize(), getpagesize(),
				     &self->mirror));
	KILL_AND_STOP_IN_EXIT(v);
	ASSERT_EQ(0, call_begin(&self->hold, call_hold, &self->mirror));
	WAIT_UNTIL(mirror_holds_call(&self->mirror));
}

FIXTURE_TEARDOWN(interval_refusal)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	victim_kill(&self->victim);
}

/*
 * A refused range fails process_mrelease() and ends for all subscribers, so that nothing
 * is left open.
 */
TEST_F_TIMEOUT(interval_refusal, mrelease, MNCK_TIMEOUT)
{
	struct victim *v = &self->victim;
	struct mnck_stats want;

	for (int round = 1; round <= 2; round++) {
		EXPECT_ERRNO(EAGAIN, victim_mrelease(v));
		want = refused(saw_reap(MNCK_KIND_MIRROR, round), round);
		EXPECT_STATS(&self->mirror, want);
		EXPECT_STATS(&self->two_pass, saw_reap(MNCK_KIND_TWO_PASS, round));
		/* All memory is reaped but the area, which was refused. */
		EXPECT_EQ(AREA_SIZE / 1024, proc_rss_anon(v->pid));
	}

	ASSERT_EQ(0, mirror_let_go(&self->mirror));
	ASSERT_EQ(0, call_end(&self->hold));
	ASSERT_EQ(0, victim_mrelease(v));
	want = refused(saw_reap(MNCK_KIND_MIRROR, 3), 2);
	EXPECT_STATS(&self->mirror, want);
	EXPECT_EQ(0, proc_rss_anon(v->pid));
	/* If a refusal had left the invalidation open, the detach would wait for ever. */
	EXPECT_DETACH(&self->mirror, want);
	EXPECT_DETACH(&self->two_pass, saw_reap(MNCK_KIND_TWO_PASS, 3));
}

/* The invalidations of an exit are blockable: the mirror waits and does not refuse. */
TEST_F_TIMEOUT(interval_refusal, exit, MNCK_TIMEOUT)
{
	struct victim *v = &self->victim;

	EXPECT_ERRNO(EAGAIN, victim_mrelease(v));
	ASSERT_EQ(0, ptrace(PTRACE_CONT, v->pid, NULL, 0));
	/* Do not read /proc of the victim: the reader might become the last user of its mm. */
	WAIT_UNTIL(stats_now(&self->two_pass).open);
	ASSERT_EQ(0, mirror_let_go(&self->mirror));
	ASSERT_EQ(0, call_end(&self->hold));
	victim_join(v);
	EXPECT_DETACH(&self->two_pass,
		      saw_exit(saw_reap(MNCK_KIND_TWO_PASS, 1), MNCK_KIND_TWO_PASS));
	EXPECT_DETACH(&self->mirror,
		      saw_exit(refused(saw_reap(MNCK_KIND_MIRROR, 1), 1), MNCK_KIND_MIRROR));
}

FIXTURE(interval_race)
{
	int fd;
};

FIXTURE_SETUP(interval_race)
{
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(interval_race)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
}

static void spin(long long ns)
{
	struct timespec begin, now;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	do {
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((now.tv_sec - begin.tv_sec) * 1000000000LL + now.tv_nsec - begin.tv_nsec < ns);
}

#define KILLS 150

/*
 * A subscriber that is detached while its target exits has seen nothing, the RELEASE, or
 * the RELEASE and the UNMAP, and nothing is left open.  Each detach comes a little later
 * than the one before.
 */
TEST_F_TIMEOUT(interval_race, detach_during_exit, MNCK_TIMEOUT)
{
	int seen[3] = {}, status;

	for (int i = 0; i < KILLS; i++) {
		struct subscriber sub, twin;
		struct mnck_stats stats;
		struct call detach;
		pid_t pid = child_start();

		ASSERT_LT(0, pid);
		/* The target has no memory there, so they can see nothing but the exit. */
		ASSERT_EQ(0, interval_attach(self->fd, pid, i & 1 ? MNCK_KIND_MIRROR :
					     MNCK_KIND_TWO_PASS, 0, VICTIM_AREA, AREA_SIZE, &sub));
		ASSERT_EQ(0, interval_attach(self->fd, pid, MNCK_KIND_TWO_PASS, 0, VICTIM_AREA,
					     AREA_SIZE, &twin));
		ASSERT_EQ(0, kill(pid, SIGKILL));
		spin(i * 20000LL);
		ASSERT_EQ(0, call_begin(&detach, call_detach, &sub));
		ASSERT_EQ(0, mnck_detach(&twin, &stats));
		EXPECT_EQ(stats.starts, stats.ends);
		EXPECT_EQ(0, stats.open);
		ASSERT_EQ(0, call_end(&detach));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));

		stats = detach.stats;
		EXPECT_STREQ("", mnck_broken(sub.kind, &stats));
		EXPECT_EQ(0, stats.open);
		ASSERT_GT(3, stats.starts);
		EXPECT_EQ(stats.starts > 0, stats.events[MNCK_EVENT_RELEASE]);
		EXPECT_EQ(stats.starts > 1, stats.events[MNCK_EVENT_UNMAP]);
		seen[stats.starts]++;
	}
	TH_LOG("detached %d times before the exit, %d times during, %d times after", seen[0],
	       seen[1], seen[2]);
}

struct zapper {
	pthread_t thread;
	atomic_bool *stop;
	char *page;
};

static void *zap_thread(void *arg)
{
	struct zapper *z = arg;

	while (!*z->stop)
		madvise(z->page, getpagesize(), MADV_DONTNEED);
	return NULL;
}

#define ATTACHES 500

/* Subscribers can be attached and detached while two threads invalidate all the time. */
TEST_F_TIMEOUT(interval_race, attach_and_detach, MNCK_TIMEOUT)
{
	size_t page = getpagesize();
	atomic_bool stop = false;
	struct zapper zappers[2];
	struct mnck_stats stats;
	struct subscriber sub;
	char *area;

	/* Each thread has a VMA of its own, so that neither waits for the other's lock. */
	area = mmap(NULL, 4 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, area);
	for (int i = 0; i < 2; i++) {
		zappers[i] = (struct zapper){ .stop = &stop, .page = area + 2 * i * page };
		ASSERT_EQ(0, mprotect(zappers[i].page, page, PROT_READ | PROT_WRITE));
		ASSERT_EQ(0, pthread_create(&zappers[i].thread, NULL, zap_thread, &zappers[i]));
	}

	for (int i = 0; i < ATTACHES; i++) {
		ASSERT_EQ(0, interval_attach(self->fd, 0, i & 1 ? MNCK_KIND_MIRROR :
					     MNCK_KIND_TWO_PASS, i & 2 ? MNCK_ATTACH_LOCKED : 0,
					     area, 4 * page, &sub));
		/* Half of the subscribers are detached only after they have seen a range. */
		if (i & 4)
			WAIT_UNTIL(stats_now(&sub).starts);
		ASSERT_EQ(0, mnck_detach(&sub, &stats));
		EXPECT_STREQ("", mnck_broken(sub.kind, &stats));
		EXPECT_EQ(0, stats.open);
		EXPECT_EQ(stats.starts, stats.events[MNCK_EVENT_CLEAR]);
		EXPECT_EQ(stats.starts * page, stats.bytes);
	}

	stop = true;
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_join(zappers[i].thread, NULL));
}

FIXTURE(interval_module)
{
	int fd;
	struct victim victim;
};

FIXTURE_SETUP(interval_module)
{
	REQUIRE_MNCK_KO();
	self->fd = -1;
	ASSERT_EQ(0, victim_start(&self->victim, AREA_SIZE));
}

FIXTURE_TEARDOWN(interval_module)
{
	if (self->fd >= 0)
		close(self->fd);
	if (mnck_insert(""))
		EXPECT_EQ(EEXIST, errno);
	victim_kill(&self->victim);
}

/*
 * The module can be removed right after its last subscriber was detached, also while an
 * invalidation is under way that might still call the module's callbacks.
 */
TEST_F_TIMEOUT(interval_module, removed_at_once, MNCK_TIMEOUT)
{
	struct subscriber sub, other;
	struct mnck_stats stats;

	for (int i = 0; i < 6; i++) {
		self->fd = mnck_open();
		ASSERT_LE(0, self->fd);
		ASSERT_EQ(0, interval_attach(self->fd, self->victim.pid, MNCK_KIND_MIRROR, 0,
					     VICTIM_AREA, AREA_SIZE, &sub));
		ASSERT_EQ(0, interval_attach(self->fd, self->victim.pid, MNCK_KIND_TWO_PASS, 0,
					     VICTIM_AREA, AREA_SIZE, &other));
		EXPECT_ERRNO(EWOULDBLOCK, mnck_remove());
		ASSERT_EQ(0, victim_send(&self->victim, VICTIM_DONTNEED, VICTIM_AREA, AREA_SIZE));
		ASSERT_EQ(0, mnck_detach(i & 1 ? &sub : &other, &stats));
		ASSERT_EQ(0, close(self->fd));
		self->fd = -1;
		ASSERT_EQ(0, mnck_remove());
		ASSERT_EQ(0, victim_wait(&self->victim));
		ASSERT_EQ(0, mnck_insert(""));
	}
}

int main(int argc, char **argv)
{
	victim_exec_main(argc, argv);
	return test_harness_run(argc, argv);
}
