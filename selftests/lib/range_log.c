// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kselftest.h"
#include "range_log.h"
#include "tracefs.h"

const char * const path_events[MNCK_EVENTS] = {
	[MNCK_EVENT_UNMAP] = "UNMAP",
	[MNCK_EVENT_CLEAR] = "CLEAR",
	[MNCK_EVENT_PROTECTION_VMA] = "PROTECTION_VMA",
	[MNCK_EVENT_PROTECTION_PAGE] = "PROTECTION_PAGE",
	[MNCK_EVENT_SOFT_DIRTY] = "SOFT_DIRTY",
	[MNCK_EVENT_RELEASE] = "RELEASE",
	[MNCK_EVENT_MIGRATE] = "MIGRATE",
	[MNCK_EVENT_EXCLUSIVE] = "EXCLUSIVE",
};

void path_wrong(struct path *p, const char *fmt, ...)
{
	va_list args;

	if (p->wrong[0])
		return;
	va_start(args, fmt);
	vsnprintf(p->wrong, sizeof(p->wrong), fmt, args);
	va_end(args);
}

static int path_event(const char *name)
{
	for (int i = 0; i < MNCK_EVENTS; i++)
		if (path_events[i] && !strcmp(path_events[i], name))
			return i;
	return -1;
}

const char *range_text(char *text, size_t size, const struct seen_range *r)
{
	snprintf(text, size, "%s %#lx-%#lx %sblockable in %s, %s[%d]%s%s",
		 r->event < 0 ? "?" : path_events[r->event], r->start, r->end,
		 r->blockable ? "" : "non-", r->initiator, r->comm, r->pid,
		 r->refused ? ", refused" : "", r->ended ? ", ended" : "");
	return text;
}

static struct path_subscriber *path_find(struct path *p, __u64 serial)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->subs[i].serial == serial)
			return &p->subs[i];
	return NULL;
}

static void path_start(struct path *p, struct path_subscriber *s, const struct seen_range *r)
{
	if (s->n == s->capacity) {
		size_t capacity = s->capacity * 2 ?: 64;
		struct seen_range *ranges = realloc(s->ranges, capacity * sizeof(*ranges));

		if (!ranges) {
			path_wrong(p, "out of memory");
			return;
		}
		s->ranges = ranges;
		s->capacity = capacity;
	}
	s->ranges[s->n] = *r;
	for (size_t i = 0; i < s->n; i++) {
		const struct seen_range *o = &s->ranges[i];

		if (o->pid == r->pid && !o->ended && !o->refused)
			s->ranges[s->n].nesting++;
	}
	s->n++;
}

/* Returns the last start of the same range in the same task that was not ended or refused. */
static struct seen_range *path_open_start(struct path_subscriber *s, const struct seen_range *r)
{
	for (size_t i = s->n; i--;) {
		struct seen_range *o = &s->ranges[i];

		if (!o->ended && !o->refused && o->pid == r->pid && o->start == r->start &&
		    o->end == r->end && o->event == r->event && o->blockable == r->blockable)
			return o;
	}
	return NULL;
}

void path_call(struct path *p, const char *what, const char *initiator)
{
	struct path_call *c = p->calls;

	while (c < p->calls + p->nr_calls &&
	       (strcmp(c->what, what) || strcmp(c->initiator, initiator)))
		c++;
	if (c == p->calls + ARRAY_SIZE(p->calls)) {
		path_wrong(p, "too many different initiators");
		return;
	}
	if (c == p->calls + p->nr_calls) {
		p->nr_calls++;
		*c = (struct path_call){};
		snprintf(c->what, sizeof(c->what), "%s", what);
		snprintf(c->initiator, sizeof(c->initiator), "%s", initiator);
	}
	c->n++;
}

static bool path_begins(const char **text, const char *with)
{
	if (strncmp(*text, with, strlen(with)))
		return false;
	*text += strlen(with);
	return true;
}

/*
 * Finds out whose the event is that begins with ": ": of a subscriber of mnck ("what: kind
 * serial: ...") or of the driver that mnck observes ("callback_entry: function: ...").  Returns
 * the subscriber, what has happened and the rest of the event; or NULL.
 */
static struct path_subscriber *path_event_of(struct path *p, const char *event, char *what,
					     const char **rest)
{
	int begin = 0;
	__u64 serial;

	if (path_begins(&event, ": callback_entry: ")) {
		if (path_begins(&event, PATH_OBSERVED_START ": "))
			sprintf(what, "start");
		else if (path_begins(&event, PATH_OBSERVED_END ": "))
			sprintf(what, "end");
		else
			return NULL;
		*rest = event;
		return path_find(p, PATH_OBSERVED_SERIAL);
	}
	if (sscanf(event, ": %15[a-z]: %*s %llu: %n", what, &serial, &begin) != 2 || !begin)
		return NULL;
	*rest = event + begin;
	return path_find(p, serial);
}

/* Parses a line of the trace: "comm-pid   [cpu] flags time: what: ..." */
static void path_line(struct path *p, char *line)
{
	char what[16], blocks[16], event[16], *head, *cpu, *dash;
	struct path_subscriber *s;
	struct seen_range r = {}, *open;
	const char *rest;
	int parts;

	/* The name of a task may contain anything, but after the CPU only the time has a colon. */
	cpu = strstr(line, " [0");
	head = cpu ? strstr(cpu, ": ") : NULL;
	s = head ? path_event_of(p, head, what, &rest) : NULL;
	if (!s)
		return;

	*cpu = '\0';
	dash = strrchr(line, '-');
	if (!dash)
		return;
	r.pid = atoi(dash + 1);
	*dash = '\0';
	while (isspace(*line))
		line++;
	snprintf(r.comm, sizeof(r.comm), "%s", line);

	if (s->role == PATH_NONE || !strcmp(what, "release")) {
		if (sscanf(rest, "in %79s", r.initiator) == 1)
			path_call(p, what, r.initiator);
		return;
	}
	parts = sscanf(rest, "%15s %lx-%lx %15s in %79s", event, &r.start, &r.end, blocks,
		       r.initiator);
	if (parts != (s->role == PATH_OBSERVED ? 4 : 5)) {
		path_wrong(p, "unreadable: %s", head);
		return;
	}
	r.event = path_event(event);
	r.blockable = !strcmp(blocks, "blockable");
	if (r.end <= (unsigned long)PATH_AREA ||
	    r.start >= (unsigned long)PATH_AREA + PATH_AREA_SIZE)
		return;

	if (!strcmp(what, "start")) {
		path_start(p, s, &r);
		return;
	}
	open = path_open_start(s, &r);
	if (!open)
		path_wrong(p, "%s without a start: %s", what, rest);
	else if (!strcmp(what, "refused"))
		open->refused = true;
	else
		open->ended = true;
}

void path_read(struct path *p)
{
	unsigned long kept = 0, written = 0;
	char line[512];
	FILE *trace;

	for (size_t i = 0; i < p->n; i++)
		p->subs[i].n = 0;
	p->nr_calls = 0;
	trace = fopen(TRACE_FILE, "re");
	if (!trace) {
		path_wrong(p, "no " TRACE_FILE);
		return;
	}
	while (fgets(line, sizeof(line), trace)) {
		if (line[0] != '#')
			path_line(p, line);
		else if (sscanf(line, "# entries-in-buffer/entries-written: %lu/%lu", &kept,
				&written) == 2 && kept != written)
			path_wrong(p, "the trace has overflowed");
	}
	fclose(trace);
	tracing_clear();
}
