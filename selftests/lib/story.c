// SPDX-License-Identifier: GPL-2.0
#include <err.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "story.h"

/* README.md shows the output, indented by 4, in lines of 100 columns. */
#define WIDTH 96

/* The indentation of a line of the log. */
#define INDENT 4

static bool differs;

void unexpected(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	printf("  UNEXPECTED: ");
	vprintf(fmt, args);
	printf("\n");
	va_end(args);
	differs = true;
}

bool was_unexpected(void)
{
	return differs;
}

struct counts look(struct driver *driver)
{
	driver->before = driver->now;
	if (mnck_stats(&driver->sub, &driver->now))
		err(1, "MNCK_STATS");
	return (struct counts){
		.starts = driver->now.starts - driver->before.starts,
		.ends = driver->now.ends - driver->before.ends,
		.refusals = driver->now.refusals - driver->before.refusals,
		.open = driver->now.open,
	};
}

void check_counts(const char *step, const char *name, struct counts got, struct counts want)
{
	if (memcmp(&got, &want, sizeof(want)))
		unexpected("%s: %s should have %llu starts, %llu ends, %llu refused and %llu open",
			   step, name, want.starts, want.ends, want.refusals, want.open);
}

void check_rules(const char *name, const struct driver *driver, enum mnck_rule rule, __u64 times)
{
	for (__u32 i = 0; i < MNCK_RULES; i++) {
		__u64 want = i == (__u32)rule ? times : 0;

		if (driver->now.violations[i] != want)
			unexpected("%s broke rule %u %llu times, not %llu", name, i,
				   driver->now.violations[i], want);
	}
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

void print_log(int kmsg, const char *text, const struct violation *violation)
{
	char record[4096], place[256] = "";
	char *line = log_line(kmsg, record, sizeof(record));

	if (line)
		print_folded(line);
	if (violation)
		violation_place(violation, place, sizeof(place));
	if (!line != !text || (line && !strstr(line, text)) ||
	    (line && violation && !violation_is_in(violation, line)))
		unexpected("the log should have %s%s", text ?: "no line", place);
	line = log_line(kmsg, record, sizeof(record));
	if (line)
		unexpected("the log also has %s", line);
}

void start_process(struct victim *victim)
{
	if (victim_start(victim, AREA_SIZE) || victim_trace_exit(victim))
		err(1, "cannot start a process");
}

void end_process(struct victim *victim)
{
	int status = victim_join(victim);

	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		unexpected("exit: status %#x", status);
}
