// SPDX-License-Identifier: GPL-2.0
/*
 * The second part of `make run`: why mnck has a chain of notifiers.
 *
 * In 2018 the OOM reaper began to call MMU notifiers without blocking, and a notifier
 * could refuse.  In 2019 it turned out that a refusal can leave another notifier of the
 * same process with a start that has no end.  Here are two such drivers, A and B, in a
 * chain on a process that unmaps memory, is killed, and is reaped as by the OOM killer.
 * One run shows one policy of the chain: what the core did until 2021, what was proposed
 * in 2019, and what is correct.
 *
 * Without an argument the program prints the head of the table.  With the name of a
 * policy it plays one process and prints its rows.  It fails if a driver received other
 * calls than the policy says, or if mnck did not report exactly the violations that the
 * policy causes.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "chain.h"
#include "kmsg.h"
#include "proc.h"
#include "story.h"

struct policy {
	const char *name;
	__u32 number;
	/* Its name, and which ends the chain calls for a range that B has refused. */
	const char *ends;
	bool ends_a;
	bool ends_b;
	/* What mnck reports for each such range, and what that means for the driver. */
	const char *violation;
	const char *verdict;
};

static const struct policy policies[] = {
	{
		.name = "skip",
		.number = MNCK_POLICY_SKIP,
		.ends = "skip: none, as Linux 2018 to 2021",
		.violation = "pairing: counter %llu: start without an end",
		.verdict = "WRONG: A has %u starts without end; a KVM guest would map no page.",
	},
	{
		.name = "all",
		.number = MNCK_POLICY_ALL,
		.ends = "all: A's and B's, as an RFC of 2019",
		.ends_a = true,
		.ends_b = true,
		.violation = "pairing: faulty %llu: chain end without a start",
		.verdict = "WRONG: B has %u ends for starts that it refused; its count is off.",
	},
	{
		.name = "exact",
		.number = MNCK_POLICY_EXACT,
		.ends = "exact: A's, as only A had started",
		.ends_a = true,
		.verdict = "correct: each start that did not fail has one end.",
	},
};

struct scene {
	const struct policy *policy;
	int fd;
	int kmsg;
	struct victim victim;
	struct subscriber chain;
	struct driver a;	/* a counter, as KVM */
	struct driver b;	/* a driver that refuses and has an end, as RDMA ODP until 2019 */
	struct reapable reap;
};

static const char head[] =
	"\n"
	"In mnck's chain a driver whose start may fail may also have an end. A counts starts and\n"
	"ends, as KVM does. B does too, but refuses in the reaping: its start fails with -EAGAIN,\n"
	"as that of RDMA ODP did until 2019. So the reaping fails, and is tried again without B.\n"
	"The policy says which ends the chain calls for a range that B refused. open: starts of A\n"
	"that have no end so far. kB left: the memory of the process after the reaping.\n"
	"\n";

static void print_head(void)
{
	fputs(head, stdout);
	printf("%47s  ------- A ------  -------- B --------\n", "");
	printf("%-37s %-9s  %6s %4s %4s  %6s %4s %7s  %7s\n", "policy: ends called", "reaping",
	       "starts", "ends", "open", "starts", "ends", "refused", "kB left");
}

/* Attaches both drivers to a process that then unmaps a part of its memory, and is killed. */
static void open_scene(struct scene *s)
{
	const struct counts one = { .starts = 1, .ends = 1 };

	start_process(&s->victim);
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
	check_counts("munmap", "A", look(&s->a), one);
	check_counts("munmap", "B", look(&s->b), one);

	/* The process dies, and stops before it gives up its memory by itself. */
	if (victim_doom(&s->victim) || proc_reapable(s->victim.pid, &s->reap))
		err(1, "cannot stop the process in its exit");
}

/* Reaps the dying process as the OOM killer does, and prints a row. */
static void try_to_reap(struct scene *s, bool b_is_there)
{
	const struct policy *policy = s->policy;
	const char *step = b_is_there ? "with B" : "without B";
	__u64 ranges = s->reap.vmas, lost = policy->ends_a ? 0 : ranges;
	long before = proc_rss_anon(s->victim.pid), left;
	struct counts want_a = { .starts = ranges, .ends = ranges, .open = lost };
	struct counts want_b = { .starts = ranges, .refusals = ranges };
	struct counts a, b = {};
	int error = victim_mrelease(&s->victim) ? errno : 0;

	if (b_is_there)
		want_a.ends -= lost;
	if (policy->ends_b)
		want_b.ends = ranges;
	left = proc_rss_anon(s->victim.pid);
	a = look(&s->a);

	if (b_is_there) {
		b = look(&s->b);
		printf("%-37s %-9s  %6llu %4llu %4llu  %6llu %4llu %7llu  %7ld\n", policy->ends,
		       step, a.starts, a.ends, a.open, b.starts, b.ends, b.refusals, left);
		check_counts(step, "B", b, want_b);
	} else {
		printf("%-37s %-9s  %6llu %4llu %4llu  %6s %4s %7s  %7ld\n", "", step, a.starts,
		       a.ends, a.open, "-", "-", "-", left);
	}
	check_counts(step, "A", a, want_a);
	if (error != (b_is_there ? EAGAIN : 0))
		unexpected("%s: process_mrelease gave %s", step, strerrorname_np(error));
	if (left != (b_is_there ? before : 0))
		unexpected("%s: %ld kB of %ld kB of memory are left", step, left, before);
}

static void close_scene(struct scene *s)
{
	end_process(&s->victim);
	look(&s->a);
	if (s->a.now.releases != 1)
		unexpected("exit: A was released %llu times", s->a.now.releases);
	close(s->fd);
	close(s->kmsg);
}

static void play(const struct policy *policy)
{
	struct scene s = { .policy = policy };
	char violation[128] = "";
	__u64 ranges;

	open_scene(&s);
	if (policy->violation) {
		struct driver *driver = policy->ends_a ? &s.b : &s.a;

		snprintf(violation, sizeof(violation), policy->violation, driver->now.serial);
		printf("# mnck-expect: WARN %s\n", violation);
	}
	try_to_reap(&s, true);
	if (mnck_detach(&s.b.sub, &s.b.now))
		err(1, "MNCK_DETACH");
	try_to_reap(&s, false);

	ranges = policy->violation ? s.reap.vmas : 0;
	check_rules("A", &s.a, MNCK_RULE_PAIRING, policy->ends_a ? 0 : ranges);
	check_rules("B", &s.b, MNCK_RULE_PAIRING, policy->ends_a ? ranges : 0);
	printf("    ");
	printf(policy->verdict, s.reap.vmas);
	printf("\n");
	print_log(s.kmsg, policy->violation ? violation : NULL, NULL);
	close_scene(&s);
}

int main(int argc, char **argv)
{
	/* Prints each row when its step is done, also if the next step hangs. */
	setlinebuf(stdout);
	if (argc < 2) {
		print_head();
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(policies); i++)
		if (!strcmp(argv[1], policies[i].name)) {
			play(&policies[i]);
			return was_unexpected();
		}
	errx(1, "no policy is called %s", argv[1]);
}
