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

struct violation in_munmap(const void *start, size_t len)
{
	return (struct violation){
		.event = "UNMAP", .blockable = true,
		.start = (unsigned long)start, .end = (unsigned long)start + len,
		.initiator = "unmap_vmas",
	};
}

struct violation in_reaping(const struct reapable *reap)
{
	return (struct violation){
		.event = "CLEAR",
		.start = reap->top_start, .end = reap->top_end,
		.initiator = "zap_vma_for_reaping",
	};
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
