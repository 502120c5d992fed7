// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kmsg.h"
#include "kselftest.h"
#include "option.h"
#include "text.h"
#include "violation.h"

struct violation in_munmap(enum mnck_rule rule, const char *what, const void *start, size_t len)
{
	return (struct violation){
		.rule = rule, .what = what, .event = "UNMAP", .blockable = true,
		.start = (unsigned long)start, .end = (unsigned long)start + len,
		.initiator = "unmap_vmas",
	};
}

struct violation in_reaping(enum mnck_rule rule, const char *what, const struct reapable *reap)
{
	return (struct violation){
		.rule = rule, .what = what, .event = "CLEAR",
		.start = reap->top_start, .end = reap->top_end,
		.initiator = "zap_vma_for_reaping",
	};
}

int faulty_attach(int fd, pid_t pid, __u32 fault, __u32 place, const void *start, size_t len,
		  struct subscriber *sub)
{
	struct mnck_attach how = {
		.pid = pid, .kind = MNCK_KIND_FAULTY, .fault = fault, .place = place,
	};

	if (place == MNCK_IN_INTERVAL) {
		how.start = (unsigned long)start;
		how.end = how.start + len;
	}
	return mnck_attach_how(fd, how, sub);
}

int faulty_join(const struct subscriber *chain, __u32 fault, __u32 place, struct subscriber *sub)
{
	struct mnck_attach how = {
		.kind = MNCK_KIND_FAULTY, .flags = MNCK_ATTACH_IN_CHAIN, .chain = chain->id,
		.fault = fault, .place = place,
	};

	return mnck_attach_how(chain->fd, how, sub);
}

void violation_begin(const struct violation *v, const struct subscriber *sub, char *buf,
		     size_t size)
{
	static const char * const rules[] = {
		[MNCK_RULE_PAIRING] = "pairing",
		[MNCK_RULE_FAILURE] = "failure",
		[MNCK_RULE_FAILING_END] = "failing-end",
		[MNCK_RULE_NON_BLOCK] = "non-block",
		[MNCK_RULE_RECLAIM] = "reclaim",
	};

	snprintf(buf, size, "mnck: %s: faulty %llu: %s", rules[v->rule],
		 stats_now(sub).serial, v->what);
}

void announce(const struct violation *v, const struct subscriber *sub)
{
	char begin[128];

	violation_begin(v, sub, begin, sizeof(begin));
	ksft_print_msg("mnck-expect: WARN %s\n", begin);
}

void announce_sleep_bug(const char *text)
{
	if (has_debug_atomic_sleep())
		ksft_print_msg("mnck-expect: BUG %s\n", text);
}

void announce_core_warns(void)
{
	ksft_print_msg("mnck-expect: WARNS mm/mmu_notifier.c\n");
}

bool next_line(int kmsg, char *record, size_t size)
{
	static const char * const begin[] = { LINE_BEGIN };

	return !kmsg_find(kmsg, begin, 1, record, size);
}

/* Writes the two parts of a line between which the initiator may have a suffix. */
static void violation_parts(const struct violation *v, char *range, char *task, size_t size)
{
	snprintf(range, size, ": %s %#lx-%#lx %s, in %s", v->event, v->start, v->end,
		 v->blockable ? "blockable" : "non-blockable", v->initiator);
	snprintf(task, size, ", %s[%d]", v->comm ?: program_invocation_short_name,
		 v->pid ?: getpid());
}

bool violation_is_in(const struct violation *v, const char *line)
{
	char range[160], task[160];
	const char *at, *initiator;

	violation_parts(v, range, task, sizeof(range));
	at = strstr(line, range);
	if (!at)
		return false;
	at += strlen(range);
	initiator = at - strlen(v->initiator);
	if (symbol_len(initiator) != strlen(v->initiator))
		return false;
	return !strncmp(at + strcspn(at, ","), task, strlen(task));
}

void violation_place(const struct violation *v, char *buf, size_t size)
{
	char range[160], task[160];

	violation_parts(v, range, task, sizeof(range));
	snprintf(buf, size, "%s%s", range, task);
}
