// SPDX-License-Identifier: GPL-2.0
/*
 * The first part of `make run`: mnck names the drivers that break a rule.
 *
 * Two drivers are subscribed to a process, one that is correct and one that breaks
 * a rule.  The process unmaps memory, where a callback may sleep.  It is then killed
 * and reaped by process_mrelease(), which does what the OOM reaper does: there a
 * callback must not sleep.
 *
 * Without an argument the program prints the head of the table.  With the name of a
 * mistake it plays one process and prints the rows of its two drivers.  It fails if a
 * driver did not do what its row says, or if mnck did not report exactly its mistake.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kmsg.h"
#include "proc.h"
#include "story.h"

struct mistake {
	/* The argument that selects it. */
	const char *name;
	__u32 fault;
	/* What the driver does, for its row. */
	const char *does;
	/* The rule that the driver breaks, and how the kernel's log describes that. */
	enum mnck_rule rule;
	const char *what;
	bool has_end;
	/* The start fails in the munmap; in the reaping. */
	bool fails_unmap;
	bool fails_reap;
	/* The driver sleeps, so the kernel prints a BUG, if it was built to look for that. */
	bool sleeps;
	/* The error of process_mrelease(). */
	int reap_error;
};

static const struct mistake mistakes[] = {
	{
		.name = "sleeps",
		.fault = MNCK_FAULT_MSLEEP,
		.does = "sleeps where a callback must not sleep",
		.rule = MNCK_RULE_NON_BLOCK,
		.what = "start slept",
		.has_end = true,
		.sleeps = true,
	},
	{
		.name = "einval",
		.fault = MNCK_FAULT_EINVAL,
		.does = "start returns -EINVAL (-22), which is not allowed",
		.rule = MNCK_RULE_FAILURE,
		.what = "start failed with -22",
		.fails_unmap = true,
		.fails_reap = true,
		.reap_error = EAGAIN,
	},
	{
		.name = "failing_end",
		.fault = MNCK_FAULT_FAILING_END,
		.does = "start returns -EAGAIN, so it must have no end",
		.rule = MNCK_RULE_FAILING_END,
		.what = "start refused",
		.has_end = true,
		.fails_reap = true,
	},
};

static const char head[] =
	"Each pair of rows is a new process with two drivers, a correct one and a faulty one. The\n"
	"process unmaps 4 MiB. Then it is killed, and process_mrelease() reaps its other mappings\n"
	"with the code of the OOM reaper. Before Linux takes memory away, it calls each driver's\n"
	"invalidate_range_start (start): once for the munmap, and once for each mapping that is\n"
	"reaped. Afterwards it calls invalidate_range_end (end). In the reaping a callback must not\n"
	"sleep.\n"
	"\n"
	"  starts, ends  how often Linux called the driver; -: the driver has no end\n"
	"  errors        starts that returned an error\n"
	"  slept         callbacks that slept in the reaping\n"
	"\n"
	"When a driver breaks a rule for the first time, mnck writes a line to the kernel's log:\n"
	"  mnck: RULE: DRIVER: WHAT IT DID: EVENT ADDRESSES blockable (callbacks may sleep) or\n"
	"  non-blockable, in THE FUNCTION OF LINUX THAT TAKES THE MEMORY AWAY, TASK[PID]\n"
	"\n";

static void print_head(void)
{
	fputs(head, stdout);
	printf("%-60s %6s %4s %6s %5s  %s\n", "driver", "starts", "ends", "errors", "slept",
	       "verdict");
}

/* Prints a row, with the verdict that mnck's count of violations gives. */
static void print_driver(const struct driver *driver, const char *kind, const char *does,
			 bool has_end)
{
	const struct mnck_stats *stats = &driver->now;
	__u64 violations = 0;
	char name[32], ends[32];

	for (int rule = 0; rule < MNCK_RULES; rule++)
		violations += stats->violations[rule];
	snprintf(name, sizeof(name), "%s %llu:", kind, stats->serial);
	snprintf(ends, sizeof(ends), "%llu", stats->ends);
	printf("%-10s %-49s %6llu %4s %6llu %5llu  %s\n", name, does, stats->starts,
	       has_end ? ends : "-", stats->refusals, stats->violations[MNCK_RULE_NON_BLOCK],
	       violations ? "WRONG" : "correct");
}

/* Returns what @ranges ranges should add to the statistics of the driver that is wrong. */
static struct counts expected_of(const struct mistake *mistake, __u64 ranges, bool fails)
{
	return (struct counts){
		.starts = ranges,
		.ends = mistake->has_end && !fails ? ranges : 0,
		.refusals = fails ? ranges : 0,
	};
}

static void play(const struct mistake *mistake)
{
	struct driver counter = {}, faulty = {};
	struct counts pairs = { .starts = 1, .ends = 1 }, want;
	struct victim victim;
	struct violation violation;
	struct reapable reap;
	char begin[128];
	int fd, kmsg, error;

	start_process(&victim);
	kmsg = kmsg_open(O_NONBLOCK);
	if (kmsg < 0)
		err(1, "/dev/kmsg");
	fd = mnck_open();
	if (fd < 0)
		err(1, MNCK_DEVICE);
	if (mnck_attach(fd, victim.pid, MNCK_KIND_COUNTER, &counter.sub) ||
	    faulty_attach(fd, victim.pid, mistake->fault, MNCK_IN_START, NULL, 0, &faulty.sub))
		err(1, "MNCK_ATTACH");

	violation = in_munmap(mistake->rule, mistake->what, VICTIM_AREA, UNMAP_SIZE);
	violation.pid = victim.pid;
	announce(&violation, &faulty.sub);
	if (mistake->sleeps)
		announce_sleep_bug("scheduling in a non-blocking section: story/");

	if (victim_do(&victim, VICTIM_MUNMAP, VICTIM_AREA, UNMAP_SIZE))
		errx(1, "munmap failed");
	check_counts("munmap", "the counter", look(&counter), pairs);
	want = expected_of(mistake, 1, mistake->fails_unmap);
	check_counts("munmap", "the other driver", look(&faulty), want);

	/* It dies, and stops before it gives up its memory by itself. */
	if (victim_doom(&victim) || proc_reapable(victim.pid, &reap))
		err(1, "cannot stop the process in its exit");
	error = victim_mrelease(&victim) ? errno : 0;
	if (error != mistake->reap_error)
		unexpected("process_mrelease gave %s", strerrorname_np(error));
	pairs = (struct counts){ .starts = reap.vmas, .ends = reap.vmas };
	check_counts("reaping", "the counter", look(&counter), pairs);
	want = expected_of(mistake, reap.vmas, mistake->fails_reap);
	check_counts("reaping", "the other driver", look(&faulty), want);

	print_driver(&counter, "counter", "counts starts and ends, like KVM", true);
	print_driver(&faulty, "faulty", mistake->does, mistake->has_end);
	if (!mistake->fails_unmap)
		violation = in_reaping(mistake->rule, mistake->what, &reap);
	violation_begin(&violation, &faulty.sub, begin, sizeof(begin));
	print_log(kmsg, begin, &violation);
	check_rules("the counter", &counter, mistake->rule, 0);
	check_rules("the other driver", &faulty, mistake->rule, reap.vmas + mistake->fails_unmap);
	end_process(&victim);
	close(fd);
	close(kmsg);
}

int main(int argc, char **argv)
{
	setlinebuf(stdout);
	if (argc < 2) {
		print_head();
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(mistakes); i++)
		if (!strcmp(argv[1], mistakes[i].name)) {
			play(&mistakes[i]);
			return was_unexpected();
		}
	errx(1, "no mistake is called %s", argv[1]);
}
