/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tool, and what it prints.
 */
#ifndef MNCK_SELFTEST_TOOL_H
#define MNCK_SELFTEST_TOOL_H

#include <stdbool.h>
#include <stddef.h>

/* The exit statuses of the tool, see tools/mnck/src/cli.rs. */
#define TOOL_BROKEN 99
#define TOOL_INCOMPLETE 98
#define TOOL_FAILED 2

/* What a command has printed, to both outputs, and its exit status. */
struct tool_output {
	int status;
	size_t len;
	char text[65536];
};

/*
 * Runs a command of the shell, as in "mnck list", and waits for its end; returns 0, or -1 and
 * errno.  If it prints more than there is room for, errno is EMSGSIZE.
 */
int tool_run(const char *command, struct tool_output *output);

/*
 * Returns whether the lines of a text match @lines, one by one, of which the last is NULL.  In
 * these, a "*" stands for anything, and one space for any number of them.  Logs the first
 * difference.
 */
bool tool_lines(const char *text, const char *const *lines);

/* The same for lines that follow each other somewhere in the text. */
bool tool_has_lines(const char *text, const char *const *lines);

/*
 * Runs a command, which must end with @_status and print the lines that follow, and nothing
 * else.
 */
#define EXPECT_PRINTS(_status, _command, ...)                                       \
	do {                                                                        \
		static const char *const lines_[64] = { __VA_ARGS__ };              \
		static struct tool_output output_;                                  \
											\
		ASSERT_EQ(0, tool_run(_command, &output_));                         \
		EXPECT_EQ(_status, output_.status) TH_LOG("%s", output_.text);      \
		EXPECT_TRUE(tool_lines(output_.text, lines_));                      \
	} while (0)

#endif /* MNCK_SELFTEST_TOOL_H */
