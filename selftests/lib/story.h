/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the two programs of `make run`, story and chain_story, have in common.
 *
 * Each prints what the kernel did, and compares that with what the story says.  A
 * difference is printed as UNEXPECTED, and makes the program and `make run` fail.
 */
#ifndef MNCK_SELFTEST_STORY_H
#define MNCK_SELFTEST_STORY_H

#include <err.h>
#include <stdarg.h>

#include "chain.h"
#include "violation.h"
#include "proc.h"
#include "victim.h"

/* Both are whole huge pages, so the munmap splits none, which would be another event. */
#define AREA_SIZE (16UL << 20)
#define UNMAP_SIZE (4UL << 20)

/* README.md shows the output, indented by 4, in lines of 100 columns. */
#define WIDTH 96

static int wrongs;

/* Prints a difference from what the story says, and counts it. */
__printf(1, 2)
static inline void wrong(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	printf("  UNEXPECTED: ");
	vprintf(fmt, args);
	printf("\n");
	va_end(args);
	wrongs++;
}

/* A driver that is subscribed to the process, with its statistics at two moments. */
struct driver {
	struct subscriber sub;
	struct mnck_stats before;
	struct mnck_stats now;
};

/* What a step of the story adds to the statistics of a driver; and the pairs that are open now. */
struct counts {
	__u64 starts;
	__u64 ends;
	__u64 refusals;
	__u64 open;
};

/* Returns what was added since the last call. */
static inline struct counts look(struct driver *driver)
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

static inline void check(const char *step, const char *name, struct counts got,
			 struct counts want)
{
	if (memcmp(&got, &want, sizeof(want)))
		wrong("%s: %s should have %llu starts, %llu ends, %llu refused and %llu open",
		      step, name, want.starts, want.ends, want.refusals, want.open);
}

/* Checks that the driver broke @rule so often, and no other rule. */
static inline void check_rules(const char *name, const struct driver *driver,
			       enum mnck_rule rule, __u64 times)
{
	for (__u32 i = 0; i < MNCK_RULES; i++) {
		__u64 want = i == (__u32)rule ? times : 0;

		if (driver->now.violations[i] != want)
			wrong("%s broke rule %u %llu times, not %llu", name, i,
			      driver->now.violations[i], want);
	}
}

/* Prints @text, indented by @indent, and folds it to lines of at most WIDTH columns. */
static inline void print_folded(int indent, const char *text)
{
	const size_t width = WIDTH - indent;

	for (size_t len = strlen(text); len; len = strlen(text)) {
		if (len > width)
			for (len = width; len && text[len] != ' '; len--)
				;
		len = len ?: width;
		printf("%*s%.*s\n", indent, "", (int)len, text);
		text += len;
		text += strspn(text, " ");
	}
}

/* Returns the next line of mnck in the kernel's log, without time and level; NULL if none. */
static inline char *log_line(int kmsg, char *record, size_t size)
{
	char *line;

	if (!next_line(kmsg, record, size))
		return NULL;
	line = strstr(record, LINE_BEGIN) + 1;
	line[strcspn(line, "\n")] = '\0';
	return line;
}

/*
 * Prints the line that mnck logged, and checks that it contains both texts and is the
 * only one; or that there is none, if @begin is NULL.
 */
static inline void print_log(int kmsg, int indent, const char *begin, const char *place)
{
	char record[4096];
	char *line = log_line(kmsg, record, sizeof(record));

	if (line)
		print_folded(indent, line);
	if (!line != !begin || (line && !(strstr(line, begin) && strstr(line, place ?: ""))))
		wrong("the log should have %s%s", begin ?: "no line", place ?: "");
	line = log_line(kmsg, record, sizeof(record));
	if (line)
		wrong("the log also has %s", line);
}

/* Starts a process with AREA_SIZE bytes of memory, which will stop in its exit. */
static inline void start_process(struct victim *victim)
{
	if (victim_start(victim, AREA_SIZE) || victim_trace_exit(victim))
		err(1, "cannot start a process");
}

/* Lets the process exit, and checks that it was killed by SIGKILL. */
static inline void end_process(struct victim *victim)
{
	int status = victim_join(victim);

	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		wrong("exit: status %#x", status);
}

#endif /* MNCK_SELFTEST_STORY_H */
