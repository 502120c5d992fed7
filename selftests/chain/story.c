// SPDX-License-Identifier: GPL-2.0
/*
 * The story that mnck comes from, told by a live kernel: what `make run` shows.
 *
 * In 2018 the OOM reaper learned to ask MMU notifiers without blocking, and a
 * notifier learned to refuse.  In 2019 it turned out that a refusal can leave
 * another notifier of the same process with a start that has no end.  Here are
 * two such notifiers, A and B, in a chain on a process that unmaps memory and is
 * then reaped as the OOM killer would, once for each policy of the chain: what
 * the core did then, what was proposed, and what is right.
 *
 * Without an argument the head of the table is printed.  With the name of a
 * policy one process is; then the exit status is 0 only if everybody saw what the
 * policy says, and the rules said no more and no less than that.
 */
#include <err.h>
#include <stdarg.h>

#include "chain.h"
#include "kmsg.h"
#include "kselftest.h"
#include "proc.h"
#include "victim.h"
#include "violation.h"

/* What is unmapped is of whole huge pages: no split of one is announced. */
#define AREA_SIZE (16UL << 20)
#define UNMAP_SIZE (4UL << 20)

/* The screen has so many columns. */
#define WIDTH 100

struct policy {
	const char *name;
	__u32 number;
	/* Of a refused range: who has begun it has an end, and so has who has refused it. */
	bool ends_a;
	bool ends_b;
	/* Who breaks rule pairing, in each such range, and how that begins. */
	const char *breaks;
	const char *verdict;
};

static const struct policy policies[] = {
	{
		.name = "skip",
		.number = MNCK_POLICY_SKIP,
		.breaks = "pairing: counter %llu: start without an end",
		.verdict = "Linux did so from 2018 to 2021: a KVM guest would map no page any more",
	},
	{
		.name = "all",
		.number = MNCK_POLICY_ALL,
		.ends_a = true,
		.ends_b = true,
		.breaks = "pairing: faulty %llu: chain end without a start",
		.verdict = "An RFC of 2019 would have done so: A is balanced, what B counts is not",
	},
	{
		.name = "exact",
		.number = MNCK_POLICY_EXACT,
		.ends_a = true,
		.verdict = "no rule is broken: A and B are balanced",
	},
};

struct actor {
	struct subscriber sub;
	struct mnck_stats before;
	struct mnck_stats now;
};

struct scene {
	const struct policy *policy;
	int fd;
	int kmsg;
	struct victim victim;
	struct subscriber chain;
	struct actor a;		/* a counter, as KVM */
	struct actor b;		/* a driver that has an end and refuses, as RDMA ODP */
	struct reapable reap;
};

/* What a step adds to the statistics of a subscriber. */
struct counts {
	__u64 starts;
	__u64 ends;
	__u64 refusals;
	__u64 open;
};

static int wrongs;

__printf(1, 2)
static void wrong(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	printf("  WRONG: ");
	vprintf(fmt, args);
	printf("\n");
	va_end(args);
	wrongs++;
}

static struct counts look(struct actor *who)
{
	who->before = who->now;
	if (mnck_stats(&who->sub, &who->now))
		err(1, "MNCK_STATS");
	return (struct counts){
		.starts = who->now.starts - who->before.starts,
		.ends = who->now.ends - who->before.ends,
		.refusals = who->now.refusals - who->before.refusals,
		.open = who->now.open,
	};
}

static void check(const char *step, const char *name, struct counts got, struct counts want)
{
	if (memcmp(&got, &want, sizeof(want)))
		wrong("%s: %s should have %llu starts, %llu ends, %llu refused and %llu open",
		      step, name, want.starts, want.ends, want.refusals, want.open);
}

static void print_head(void)
{
	printf("A counts starts and ends, as KVM. B does so too, and refuses what must not ");
	printf("block, as RDMA ODP did.\n");
	printf("Both are in a chain, on a process that unmaps memory, is killed, and is reaped ");
	printf("as in an OOM.\n\n");
	printf("%51s  ------- A ------  -------- B --------\n", "");
	printf("%-6s %-12s %-5s %-19s %-5s  %6s %4s %4s  %6s %4s %7s  %7s\n", "policy", "step",
	       "event", "range", "block", "starts", "ends", "open", "starts", "ends", "refused",
	       "kB left");
}

/* A row, of a step that is expected to do this to A, and to B if that is there still. */
static void print_step(struct scene *s, const char *name, const char *event, const char *range,
		       const char *blockable, struct counts want_a, const struct counts *want_b)
{
	struct counts a = look(&s->a), b;

	printf("%-6s %-12s %-5s %-19s %-5s  %6llu %4llu %4llu", s->policy->name, name, event, range,
	       blockable, a.starts, a.ends, a.open);
	if (want_b) {
		b = look(&s->b);
		printf("  %6llu %4llu %7llu", b.starts, b.ends, b.refusals);
	} else {
		printf("  %6s %4s %7s", "-", "-", "-");
	}
	printf("  %7ld\n", proc_rss_anon(s->victim.pid));

	check(name, "A", a, want_a);
	if (want_b)
		check(name, "B", b, *want_b);
}

/* A process with memory of known layout, both subscribers, and part of it unmapped. */
static void open_scene(struct scene *s)
{
	const struct counts one = { .starts = 1, .ends = 1 };
	char range[24];

	if (victim_start(&s->victim, AREA_SIZE) || victim_trace_exit(&s->victim))
		err(1, "cannot start a process");
	s->kmsg = kmsg_open(O_NONBLOCK);
	if (s->kmsg < 0)
		err(1, "/dev/kmsg");
	s->fd = mnck_open();
	if (s->fd < 0)
		err(1, MNCK_DEVICE);
	if (chain_attach(s->fd, s->victim.pid, s->policy->number, &s->chain) ||
	    chain_join(&s->chain, MNCK_KIND_COUNTER, &s->a.sub) ||
	    faulty_join(&s->chain, MNCK_FAULT_FAILING_END, MNCK_IN_START, &s->b.sub))
		err(1, "MNCK_ATTACH");

	if (victim_do(&s->victim, VICTIM_MUNMAP, VICTIM_AREA, UNMAP_SIZE))
		errx(1, "munmap failed");
	snprintf(range, sizeof(range), "%lx-%lx", (unsigned long)VICTIM_AREA,
		 (unsigned long)VICTIM_AREA + UNMAP_SIZE);
	print_step(s, "munmap", "UNMAP", range, "yes", one, &one);

	/* It dies, and stops before it gives up its memory by itself. */
	if (victim_doom(&s->victim) || proc_reapable(s->victim.pid, &s->reap))
		err(1, "cannot stop the process in exit");
}

/* One attempt of the OOM killer at the dying process. */
static void try_to_reap(struct scene *s, bool b_is_there)
{
	const char *step = b_is_there ? "reap" : "reap, B gone";
	__u64 ranges = s->reap.vmas, lost = s->policy->ends_a ? 0 : ranges;
	long before = proc_rss_anon(s->victim.pid), want = b_is_there ? before : 0;
	struct counts a = { .starts = ranges, .ends = ranges, .open = lost };
	struct counts b = { .starts = ranges, .refusals = ranges };
	int error = victim_mrelease(&s->victim) ? errno : 0;
	char range[24];

	if (b_is_there)
		a.ends -= lost;
	if (s->policy->ends_b)
		b.ends = ranges;
	snprintf(range, sizeof(range), "each of %u VMAs", s->reap.vmas);
	print_step(s, step, "CLEAR", range, "no", a, b_is_there ? &b : NULL);
	if (error != (b_is_there ? EAGAIN : 0))
		wrong("%s: process_mrelease gave %s", step, strerrorname_np(error));
	if (proc_rss_anon(s->victim.pid) != want)
		wrong("%s: of %ld kB of memory %ld should be left", step, before, want);
}

/* Prints @text, and goes on in another line where the screen ends. */
static void print_folded(const char *text)
{
	const size_t width = WIDTH - strlen("       ");

	for (size_t len = strlen(text); len; len = strlen(text)) {
		if (len > width)
			for (len = width; len && text[len] != ' '; len--)
				;
		len = len ?: width;
		printf("       %.*s\n", (int)len, text);
		text += len;
		text += strspn(text, " ");
	}
}

/* The next line of the module in the kernel's log, without what is before and behind it. */
static char *log_line(struct scene *s, char *record, size_t size)
{
	char *line;

	if (!next_line(s->kmsg, record, size))
		return NULL;
	line = strstr(record, LINE_BEGIN) + 1;
	line[strcspn(line, "\n")] = '\0';
	return line;
}

/* What the rules have said, and whether it is what the policy deserves. */
static void print_rules(struct scene *s, const char *expected)
{
	const struct policy *policy = s->policy;
	const struct actor *actors[] = { &s->a, &s->b };
	__u64 broken[2] = {};
	char record[4096];
	char *line;

	if (policy->breaks)
		broken[policy->ends_a] = s->reap.vmas;
	line = log_line(s, record, sizeof(record));
	if (line)
		print_folded(line);
	if (!line != !expected || (line && !strstr(line, expected)))
		wrong("%s: the rules should have said %s", policy->name, expected ?: "nothing");
	line = log_line(s, record, sizeof(record));
	if (line)
		wrong("%s: and also %s", policy->name, line);

	for (int who = 0; who < 2; who++)
		for (int rule = 0; rule < MNCK_RULES; rule++) {
			__u64 want = rule == MNCK_RULE_PAIRING ? broken[who] : 0;

			if (actors[who]->now.violations[rule] != want)
				wrong("%s: %c broke rule %d %llu times, not %llu", policy->name,
				      'A' + who, rule, actors[who]->now.violations[rule], want);
		}
}

static void close_scene(struct scene *s)
{
	int status = victim_join(&s->victim);

	look(&s->a);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		wrong("exit: status %#x", status);
	if (s->a.now.releases != 1)
		wrong("exit: A was released %llu times", s->a.now.releases);
	printf("       ");
	if (wrongs)
		printf("NOT as it must be\n");
	else if (s->policy->breaks)
		printf("%u times. %s\n", s->reap.vmas, s->policy->verdict);
	else
		printf("%s\n", s->policy->verdict);
	close(s->fd);
	close(s->kmsg);
}

static void play(const struct policy *policy)
{
	struct scene s = { .policy = policy };
	char expected[128] = "";

	open_scene(&s);
	if (policy->breaks) {
		struct actor *who = policy->ends_a ? &s.b : &s.a;

		snprintf(expected, sizeof(expected), policy->breaks, who->now.serial);
		printf("# mnck-expect: WARN %s\n", expected);
	}
	try_to_reap(&s, true);
	if (mnck_detach(&s.b.sub, &s.b.now))
		err(1, "MNCK_DETACH");
	try_to_reap(&s, false);
	print_rules(&s, policy->breaks ? expected : NULL);
	close_scene(&s);
}

int main(int argc, char **argv)
{
	/* A step is shown when it is done, also if the next one never is. */
	setlinebuf(stdout);
	if (argc < 2) {
		print_head();
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(policies); i++)
		if (!strcmp(argv[1], policies[i].name)) {
			play(&policies[i]);
			return !!wrongs;
		}
	errx(1, "no policy is called %s", argv[1]);
}
