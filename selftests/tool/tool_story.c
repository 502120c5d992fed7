// SPDX-License-Identifier: GPL-2.0
/*
 * What `make run` shows: the tool, with programs that use drivers of drivers/notifier_mistakes.
 *
 *	tool_story NAME	runs the command of this name; fails if it ends otherwise than it should
 *
 * The program itself has a subscription of the driver, so that this is observed before the command
 * begins.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "mnck_harness.h"
#include "observed.h"
#include "tool.h"
#include "violation.h"

struct story {
	const char *name;
	/* What the user types. */
	const char *command;
	int status;
	/* What the process writes to have the driver, and the callback that is called last. */
	const char *line;
	const char *function;
	/* The rule that the driver breaks, in the callback @breaks. */
	const char *rule;
	const char *breaks;
	/* Whether it sleeps: the kernel prints a BUG, if it was built to look for that. */
	bool sleeps;
};

static const struct story stories[] = {
	{
		.name = "clean", .line = "clean", .function = OF_MISTAKES("clean_end"),
		.command = "mnck run -- tool_client clean",
	},
	{
		.name = "forgetful", .line = "forgetful" IN_AREA,
		.function = OF_MISTAKES("forgetful_invalidate"),
		.command = "mnck run -- tool_client 'forgetful" IN_AREA "'",
		.status = TOOL_BROKEN,
		.rule = "sequence", .breaks = OF_MISTAKES("forgetful_invalidate"),
	},
	{
		.name = "sleeping", .line = "sleeping_start", .function = OF_MISTAKES("clean_end"),
		.command = "mnck oom --ready-fd 3 -- tool_client -p sleeping_start",
		.status = TOOL_BROKEN,
		.rule = "non-block", .breaks = OF_MISTAKES("sleeping_start"), .sleeps = true,
	},
};

static void run(const struct story *story)
{
	struct probed row;
	int driver, status;

	if (mnck_set_parameter("watch", 1))
		err(1, "mnck can't watch");
	driver = mistakes_subscribe(story->line);
	if (driver < 0)
		err(1, "%s", story->line);
	WAIT_UNTIL(probed(story->function, &row));
	if (story->rule)
		announce_broken(story->rule, story->breaks);
	if (story->sleeps)
		announce_sleep_bug(BUG_SCHEDULING);

	/* README.md shows the output, indented by 4, in lines of 100 columns. */
	if (setenv("COLUMNS", "96", 1))
		err(1, "COLUMNS");
	printf("$ %s\n", story->command);
	fflush(stdout);
	status = system(story->command);
	printf("\n$ echo $?\n%d\n\n", WEXITSTATUS(status));
	if (!WIFEXITED(status) || WEXITSTATUS(status) != story->status)
		errx(1, "it should have ended with %d", story->status);
	close(driver);
	if (mnck_set_parameter("watch", 0))
		err(1, "mnck can't end the watch");
}

int main(int argc, char **argv)
{
	for (size_t i = 0; i < ARRAY_SIZE(stories); i++) {
		if (argc == 2 && !strcmp(argv[1], stories[i].name)) {
			run(&stories[i]);
			return 0;
		}
	}
	errx(1, "there is no such story");
}
