// SPDX-License-Identifier: GPL-2.0
/*
 * What `make run` shows: mnck names the callback of a driver that breaks a rule.
 *
 * The drivers are those of drivers/notifier_mistakes, which know nothing of mnck.  A process has
 * two of them, one that is correct and one that breaks a rule.  It unmaps memory, where a
 * callback may sleep.  It is then killed and reaped by process_mrelease(), which does what the
 * OOM reaper does: there a callback must not sleep.
 *
 * Without an argument the program prints the head of the table.  With the name of a wrong driver
 * it plays one process and prints the rows of its two drivers.  It fails if a driver did not do
 * what its row says, or if mnck did not report exactly its mistake.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "kmsg.h"
#include "kselftest.h"
#include "observed.h"
#include "proc.h"
#include "victim.h"
#include "violation.h"

/* Both are whole huge pages, so the munmap splits none, which would be another event. */
#define AREA_SIZE (16UL << 20)
#define UNMAP_SIZE (4UL << 20)

/* What a line has behind the name of an interval driver: the whole area. */
#define IN_WHOLE_AREA " 0x100000000 0x1000000"

/* README.md shows the output, indented by 4, in lines of 100 columns. */
#define WIDTH 96

/* The indentation of a line of the log. */
#define INDENT 4

struct driver {
	const char *name;
	/* What the process writes to have the driver. */
	const char *line;
	/* What the driver does, for its row. */
	const char *does;
	/* Its callback that is called first, or the only one; and its end, if it has one. */
	const char *begins;
	const char *ends;
};

static const struct driver clean = {
	.name = "clean", .line = "clean", .does = "does nothing wrong",
	.begins = OF_MISTAKES("clean_start"), .ends = OF_MISTAKES("clean_end"),
};

static const struct driver clean_interval = {
	.name = "clean_interval", .line = "clean_interval" IN_WHOLE_AREA,
	.does = "does nothing wrong",
	.begins = OF_MISTAKES("clean_invalidate"),
};

/* A driver that breaks a rule in its first callback. */
struct mistake {
	struct driver driver;
	const struct driver *beside;
	const char *rule;
	/* How the kernel's log describes it. */
	const char *what;
	/* Whether it is called in the reaping for the area alone, not for each mapping. */
	bool interval;
	/* Whether it breaks the rule in the munmap, too. */
	bool in_munmap;
	/* Whether its start fails in the reaping.  The core warns of that. */
	bool fails;
	/* Whether it sleeps: the kernel prints a BUG, if it was built to look for that. */
	bool sleeps;
};

static const struct mistake mistakes[] = {
	{
		.driver = {
			.name = "sleeping_start", .line = "sleeping_start",
			.does = "sleeps where a callback must not sleep",
			.begins = OF_MISTAKES("sleeping_start"),
			.ends = OF_MISTAKES("clean_end"),
		},
		.beside = &clean,
		.rule = "non-block", .what = "start slept 1 time",
		.sleeps = true,
	},
	{
		.driver = {
			.name = "wrong_code", .line = "wrong_code",
			.does = "fails with -EINVAL (-22), not -EAGAIN",
			.begins = OF_MISTAKES("wrong_code_start"),
		},
		.beside = &clean,
		.rule = "failure", .what = "start failed with -22",
		.fails = true,
	},
	{
		.driver = {
			.name = "forgetful", .line = "forgetful" IN_WHOLE_AREA,
			.does = "does not call mmu_interval_set_seq()",
			.begins = OF_MISTAKES("forgetful_invalidate"),
		},
		.beside = &clean_interval,
		.rule = "sequence", .what = "invalidate did not set the sequence",
		.interval = true, .in_munmap = true,
	},
};

static const char head[] =
	"The drivers of notifier_mistakes.ko know nothing of mnck. Each pair of rows is a new process\n"
	"with two of them, a correct one and one with a mistake. The process unmaps 4 MiB. Then it is\n"
	"killed, and process_mrelease() reaps its other mappings with the code of the OOM reaper.\n"
	"Before Linux takes memory away, it calls each driver's invalidate_range_start (start): once\n"
	"for the munmap, and once for each mapping that is reaped. Afterwards it calls\n"
	"invalidate_range_end (end). A driver that has asked for one mapping only is called for that\n"
	"one (invalidate). In the reaping a callback must not sleep.\n"
	"\n"
	"  starts, ends  how often Linux called the driver; -: the driver has no end\n"
	"  errors        starts that returned an error\n"
	"  wrong         calls that broke a rule\n"
	"\n"
	"When a callback breaks a rule for the first time, mnck writes a line to the kernel's log:\n"
	"  mnck: RULE: CALLBACK [MODULE]: WHAT IT DID: EVENT ADDRESSES blockable (callbacks may sleep)\n"
	"  or non-blockable, in THE FUNCTION OF LINUX THAT TAKES THE MEMORY AWAY, TASK[PID]\n"
	"\n";

static void print_head(void)
{
	fputs(head, stdout);
	printf("%-60s %6s %4s %6s %5s  %s\n", "driver", "starts", "ends", "errors", "wrong",
	       "verdict");
}

static bool differs;

/* Prints a difference from what the story says. */
__printf(1, 2)
static void unexpected(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	printf("  UNEXPECTED: ");
	vprintf(fmt, args);
	printf("\n");
	va_end(args);
	differs = true;
}

/* Prints @text, folded to lines of at most WIDTH columns. */
static void print_folded(const char *text)
{
	const size_t width = WIDTH - INDENT;

	for (size_t len = strlen(text); len; len = strlen(text)) {
		if (len > width)
			for (len = width; len && text[len] != ' '; len--)
				;
		len = len ?: width;
		printf("%*s%.*s\n", INDENT, "", (int)len, text);
		text += len;
		text += strspn(text, " ");
	}
}

/* Returns the next line of mnck in the kernel's log, without time and level; NULL if none. */
static char *log_line(int kmsg, char *record, size_t size)
{
	char *line;

	if (!next_line(kmsg, record, size))
		return NULL;
	line = strstr(record, LINE_BEGIN) + 1;
	line[strcspn(line, "\n")] = '\0';
	return line;
}

/* Prints the line that mnck logged: the only one, of this mistake, with this range. */
static void print_log(int kmsg, const struct mistake *mistake, const struct violation *violation)
{
	char record[4096], begin[160], place[256];
	char *line = log_line(kmsg, record, sizeof(record));

	snprintf(begin, sizeof(begin), "mnck: %s: %s: %s", mistake->rule, mistake->driver.begins,
		 mistake->what);
	violation_place(violation, place, sizeof(place));
	if (line)
		print_folded(line);
	if (!line || strncmp(line, begin, strlen(begin)) || !violation_is_in(violation, line))
		unexpected("the log should have %s%s", begin, place);
	line = log_line(kmsg, record, sizeof(record));
	if (line)
		unexpected("the log also has %s", line);
}

/* Waits until mnck probes a callback. */
static void await_probe(const char *function)
{
	while (probed_calls(function) < 0)
		usleep(500);
}

/* Has the process subscribe a driver. */
static void subscribe(const struct victim *victim, const struct driver *driver)
{
	errno = victim_driver(victim, driver->line);
	if (errno)
		err(1, MISTAKES_DEVICE);
	await_probe(driver->begins);
	if (driver->ends)
		await_probe(driver->ends);
}

/* Prints a row: what the driver has counted, which mnck must have seen, and mnck's verdict. */
static void print_driver(const struct driver *driver, const char *rule, long calls, long errors,
			 long wrong)
{
	struct mistakes_calls own = {};
	struct probed row = {};
	char name[32], ends[32];

	snprintf(name, sizeof(name), "%s:", driver->name);
	if (!mistakes_calls(driver->name, &own) || !probed(driver->begins, &row))
		unexpected("mnck does not know %s", driver->name);
	snprintf(ends, sizeof(ends), "%ld", own.ended);
	printf("%-15s %-44s %6ld %4s %6ld %5ld  %s\n", name, driver->does, own.begun,
	       driver->ends ? ends : "-", row.refused, broken(rule, driver->begins),
	       is_accused(driver->begins) ? "WRONG" : "correct");
	if (row.calls != calls || own.begun != calls || own.ended != (driver->ends ? calls : 0) ||
	    row.refused != errors || row.missed || broken(rule, driver->begins) != wrong)
		unexpected("%s should have %ld starts, %ld errors and %ld wrong", driver->name,
			   calls, errors, wrong);
}

static void play(const struct mistake *mistake)
{
	const struct driver *driver = &mistake->driver;
	struct violation violation;
	struct reapable reap;
	struct victim victim;
	int kmsg, error;
	long ranges, wrong;

	/* In this order no call is unseen: the watch begins before the process has a driver. */
	if (file_write(TABLES "violations", "clear") || mnck_set_parameter("watch", 1))
		err(1, "mnck does not watch");
	if (victim_start(&victim, AREA_SIZE) || victim_trace_exit(&victim))
		err(1, "cannot start a process");
	kmsg = kmsg_open(O_NONBLOCK);
	if (kmsg < 0)
		err(1, "/dev/kmsg");
	announce_broken(mistake->rule, driver->begins);
	if (mistake->sleeps)
		announce_sleep_bug(BUG_SCHEDULING ": story/");
	if (mistake->fails)
		announce_core_warns();
	subscribe(&victim, mistake->beside);
	subscribe(&victim, driver);

	if (victim_do(&victim, VICTIM_MUNMAP, VICTIM_AREA, UNMAP_SIZE))
		errx(1, "munmap failed");
	/* It dies, and stops before it gives up its memory by itself. */
	if (victim_doom(&victim) || proc_reapable(victim.pid, &reap))
		err(1, "cannot stop the process in its exit");
	error = victim_mrelease(&victim) ? errno : 0;
	if (error != (mistake->fails ? EAGAIN : 0))
		unexpected("process_mrelease gave %s", strerrorname_np(error));

	ranges = mistake->interval ? 1 : reap.vmas;
	wrong = ranges + mistake->in_munmap;
	while (broken(mistake->rule, driver->begins) < wrong)
		usleep(500);
	print_driver(mistake->beside, mistake->rule, 1 + ranges, 0, 0);
	print_driver(driver, mistake->rule, 1 + ranges, mistake->fails ? ranges : 0, wrong);

	/* No report comes any more. */
	if (mnck_set_parameter("watch", 0))
		err(1, "mnck does not end its watch");
	violation = in_reaping(&reap);
	if (mistake->in_munmap) {
		violation = in_munmap(VICTIM_AREA, UNMAP_SIZE);
		violation.pid = victim.pid;
	}
	print_log(kmsg, mistake, &violation);
	if (WTERMSIG(victim_kill(&victim)) != SIGKILL)
		unexpected("the process was not killed");
	close(kmsg);
}

int main(int argc, char **argv)
{
	/* Prints each row when it is known, also if the next step hangs. */
	setlinebuf(stdout);
	if (argc < 2) {
		print_head();
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(mistakes); i++)
		if (!strcmp(argv[1], mistakes[i].driver.name)) {
			play(&mistakes[i]);
			return differs;
		}
	errx(1, "no driver is called %s", argv[1]);
}
