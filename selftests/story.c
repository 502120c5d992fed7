// SPDX-License-Identifier: GPL-2.0
/*
 * The story that mnck comes from, told by a live kernel: what `make run` shows.
 *
 * In 2018 the OOM reaper learned to ask MMU notifiers without blocking, and a
 * notifier learned to refuse.  In 2019 it turned out that a refusal can leave
 * another notifier of the same process with a start that has no end.  Here are
 * two such notifiers, A and B, on two processes that are reaped as the OOM
 * killer would, once with B willing and once with B refusing.
 *
 * Exit status 0 only if everything was balanced, and as mm/oom_kill.c and
 * mm/mmu_notifier.c say it must be.
 */
#include <err.h>
#include <stdarg.h>

#include "proc.h"
#include "victim.h"

/* What is unmapped is of whole huge pages: no split of one is announced. */
#define AREA_SIZE (16UL << 20)
#define UNMAP_SIZE (4UL << 20)

struct actor {
	struct subscriber sub;
	struct mnck_stats before;
	struct mnck_stats now;
};

struct scene {
	int fd;
	struct victim victim;
	struct actor a;		/* counter, as KVM */
	struct actor b;		/* trylock, as RDMA ODP */
	struct reapable reap;
};

/* What a step is expected to do. */
struct step {
	const char *name;
	const char *event;
	char range[24];
	const char *blockable;
	unsigned int ranges;
	unsigned int refusals;
	bool non_blockable;
	enum mnck_event kind;
};

static int wrongs;
static char wrong_text[8][160];

__printf(1, 2)
static void wrong(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	if (wrongs < 8)
		vsnprintf(wrong_text[wrongs], sizeof(wrong_text[0]), fmt, args);
	wrongs++;
	va_end(args);
}

static void look(struct actor *who)
{
	who->before = who->now;
	if (mnck_stats(&who->sub, &who->now))
		err(1, "MNCK_STATS");
}

/* One subscriber's half of a row: what the step added, and what is open now. */
static void print_actor(const struct actor *who)
{
	printf("  %5llu %4llu %7llu %4llu", who->now.starts - who->before.starts,
	       who->now.ends - who->before.ends, who->now.refusals - who->before.refusals,
	       who->now.open);
}

static void check_actor(const struct step *step, const char *name, const struct actor *who,
			unsigned int refusals)
{
	const struct mnck_stats *was = &who->before, *now = &who->now;
	unsigned int ends = who->sub.kind == MNCK_KIND_COUNTER ? step->ranges : 0;
	const char *broken = mnck_broken(who->sub.kind, now);

	if (*broken)
		wrong("%s: %s %s", step->name, name, broken);
	if (now->starts - was->starts != step->ranges)
		wrong("%s: %s saw %llu starts, not %u", step->name, name,
		      now->starts - was->starts, step->ranges);
	if (now->events[step->kind] - was->events[step->kind] != step->ranges)
		wrong("%s: %s saw other events than %s", step->name, name, step->event);
	if (now->non_blockable - was->non_blockable != (step->non_blockable ? step->ranges : 0))
		wrong("%s: %s saw %llu non-blockable starts", step->name, name,
		      now->non_blockable - was->non_blockable);
	if (now->ends - was->ends != ends)
		wrong("%s: %s saw %llu ends, not %u", step->name, name, now->ends - was->ends,
		      ends);
	if (now->refusals - was->refusals != refusals)
		wrong("%s: %s refused %llu times, not %u", step->name, name,
		      now->refusals - was->refusals, refusals);
	if (now->open)
		wrong("%s: %s is left with %llu open", step->name, name, now->open);
}

static void print_step(struct scene *s, const struct step *step)
{
	look(&s->a);
	look(&s->b);
	printf("  %-15s %-5s %-19s %-5s", step->name, step->event, step->range, step->blockable);
	print_actor(&s->a);
	print_actor(&s->b);
	printf("\n");
	check_actor(step, "A", &s->a, 0);
	check_actor(step, "B", &s->b, step->refusals);
}

static void print_head(void)
{
	printf("%-49s  %-23s  %s\n", "", "----- A, a counter ----", "----- B, a trylock ----");
	printf("  %-15s %-5s %-19s %-5s", "step", "event", "range", "block");
	for (int i = 0; i < 2; i++)
		printf("  %5s %4s %7s %4s", "start", "end", "refused", "open");
	printf("\n");
}

/* A process with memory of known layout, both subscribers, and part of it unmapped. */
static void open_scene(struct scene *s)
{
	char *end = VICTIM_AREA + AREA_SIZE;
	struct step step = {
		.name = "munmap 4 MiB",
		.event = "UNMAP",
		.kind = MNCK_EVENT_UNMAP,
		.blockable = "yes",
		.ranges = 1,
	};

	*s = (struct scene){};
	if (victim_start(&s->victim, AREA_SIZE) || victim_trace_exit(&s->victim))
		err(1, "cannot start a process");
	s->fd = mnck_open();
	if (s->fd < 0)
		err(1, MNCK_DEVICE);
	if (mnck_attach(s->fd, s->victim.pid, MNCK_KIND_COUNTER, &s->a.sub) ||
	    mnck_attach(s->fd, s->victim.pid, MNCK_KIND_TRYLOCK, &s->b.sub))
		err(1, "MNCK_ATTACH");

	printf("process %d: %lu MiB of memory at %lx-%lx; A attached, then B\n", s->victim.pid,
	       AREA_SIZE >> 20, (unsigned long)VICTIM_AREA, (unsigned long)end);
	if (victim_do(&s->victim, VICTIM_MUNMAP, VICTIM_AREA, UNMAP_SIZE))
		errx(1, "munmap failed");
	snprintf(step.range, sizeof(step.range), "%lx-%lx", (unsigned long)VICTIM_AREA,
		 (unsigned long)VICTIM_AREA + UNMAP_SIZE);
	print_step(s, &step);

	/* It dies, and stops before it gives up its memory by itself. */
	if (kill(s->victim.pid, SIGKILL) || victim_wait_exit_stop(&s->victim) ||
	    proc_reapable(s->victim.pid, &s->reap))
		err(1, "cannot stop the process in exit");
}

/* One attempt of the OOM killer at the dying process. */
static void try_to_reap(struct scene *s, bool held)
{
	long before = proc_rss_anon(s->victim.pid), after;
	struct step step = {
		.name = held ? "reap, lock held" : "reap, lock free",
		.event = "CLEAR",
		.kind = MNCK_EVENT_CLEAR,
		.blockable = "no",
		.non_blockable = true,
		.ranges = s->reap.vmas,
		.refusals = held ? s->reap.vmas : 0,
	};
	int error;

	if (mnck_lock(&s->b.sub, MNCK_LOCK_HOLD) ||
	    (!held && mnck_lock(&s->b.sub, MNCK_LOCK_RELEASE)))
		err(1, "MNCK_LOCK");
	error = victim_mrelease(&s->victim) ? errno : 0;
	if (held && mnck_lock(&s->b.sub, MNCK_LOCK_RELEASE))
		err(1, "MNCK_LOCK");
	after = proc_rss_anon(s->victim.pid);

	snprintf(step.range, sizeof(step.range), "each of %u VMAs", s->reap.vmas);
	print_step(s, &step);
	printf("    process_mrelease: %s, anonymous memory %ld -> %ld kB\n",
	       error ? strerrorname_np(error) : "done", before, after);

	if (error != (held ? EAGAIN : 0))
		wrong("%s: process_mrelease gave %s", step.name,
		      error ? strerrorname_np(error) : "no error");
	if (after != (held ? before : 0))
		wrong("%s: %ld kB of %ld kB are left", step.name, after, before);
}

static void close_scene(struct scene *s)
{
	struct step step = {
		.name = "exit",
		.event = "-",
		.range = "all",
		.blockable = "-",
	};
	int status = victim_join(&s->victim);

	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		wrong("exit: status %#x", status);
	print_step(s, &step);
	if (s->a.now.releases != 1 || s->b.now.releases != 1)
		wrong("exit: the subscribers were not released once");
	close(s->fd);
}

int main(void)
{
	struct scene s;

	/* A step is shown when it is done, also if the next one never is. */
	setlinebuf(stdout);
	printf("A counts starts and ends, as KVM.\n");
	printf("B, as RDMA ODP, refuses what it must not wait for while its lock is held.\n\n");
	print_head();
	open_scene(&s);
	try_to_reap(&s, false);
	close_scene(&s);
	printf("\n");
	open_scene(&s);
	try_to_reap(&s, true);
	try_to_reap(&s, false);
	close_scene(&s);
	printf("\n");

	if (!wrongs) {
		printf("verdict: balanced\n");
		return 0;
	}
	printf("verdict: NOT balanced, %d wrong\n", wrongs);
	for (int i = 0; i < wrongs && i < 8; i++)
		printf("  %s\n", wrong_text[i]);
	return 1;
}
