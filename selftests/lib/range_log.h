/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What subscribers were told, read from the tracepoints of mnck.  path.h has what
 * tests use.
 */
#ifndef MNCK_SELFTEST_RANGE_LOG_H
#define MNCK_SELFTEST_RANGE_LOG_H

#include <ctype.h>
#include <stdlib.h>

#include "mnck_utils.h"
#include "tracefs.h"

/* Where tests map what they are about: aligned for whatever there is. */
#define PATH_AREA ((char *)0x200000000UL)
#define PATH_AREA_SIZE (8UL << 30)

#define PATH_SYMBOL 80

/* A range that somebody was told, and was told the end of, if he is told ends. */
struct seen_range {
	int event;
	unsigned long start;
	unsigned long end;
	bool blockable;
	/* As %pS has it: function+0x0/0x0. */
	char initiator[PATH_SYMBOL];
	char comm[32];
	pid_t pid;
	bool refused;
	bool ended;
	/* How many others of the same task had begun and not ended; of who is told ends. */
	unsigned int nesting;
};

#define PATH_SUBSCRIBERS 10

enum path_role {
	/* Each start has its end. */
	PATH_PAIRED,
	/* Starts alone, which may be refused. */
	PATH_FALLIBLE,
	/* May refuse, and has an end unless it did. */
	PATH_BOTH,
	/* No ranges. */
	PATH_NONE,
};

struct path_subscriber {
	struct subscriber sub;
	__u64 serial;
	enum path_role role;
	/* Since the last look, in the order of their starts. */
	struct seen_range *ranges;
	size_t n;
	size_t room;
};

/* Who has made somebody be called, of callbacks without a range. */
struct path_call {
	char what[16];
	char initiator[PATH_SYMBOL];
	size_t n;
};

/* What becomes of the process. */
enum path_fate {
	PATH_LIVES,
	/*
	 * Its memory is reaped.  Where somebody refuses there may be no interval
	 * subscriber then: Linux 7.3 would never end what that was told, see
	 * sequence.c.
	 */
	PATH_REAPED,
	/* It ends: interval subscribers are told ranges, the others are released. */
	PATH_ENDS,
};

struct path {
	int fd;
	struct subscriber chain;
	enum path_fate fate;
	/* Those who were told something come first, the interval subscribers last. */
	struct path_subscriber subs[PATH_SUBSCRIBERS];
	size_t n;
	size_t intervals;
	/* Since the last look: each different one, how often. */
	struct path_call calls[32];
	size_t nr_calls;
	char wrong[2048];
};

/* Notes what is wrong, unless something else was before. */
__printf(2, 3)
static inline void path_wrong(struct path *p, const char *fmt, ...)
{
	va_list args;

	if (p->wrong[0])
		return;
	va_start(args, fmt);
	vsnprintf(p->wrong, sizeof(p->wrong), fmt, args);
	va_end(args);
}

static const char * const path_events[MNCK_EVENTS] = {
	[MNCK_EVENT_UNMAP] = "UNMAP",
	[MNCK_EVENT_CLEAR] = "CLEAR",
	[MNCK_EVENT_PROTECTION_VMA] = "PROTECTION_VMA",
	[MNCK_EVENT_PROTECTION_PAGE] = "PROTECTION_PAGE",
	[MNCK_EVENT_SOFT_DIRTY] = "SOFT_DIRTY",
	[MNCK_EVENT_RELEASE] = "RELEASE",
	[MNCK_EVENT_MIGRATE] = "MIGRATE",
	[MNCK_EVENT_EXCLUSIVE] = "EXCLUSIVE",
};

static inline int path_event(const char *name)
{
	for (int i = 0; i < MNCK_EVENTS; i++)
		if (path_events[i] && !strcmp(path_events[i], name))
			return i;
	return -1;
}

static inline const char *range_text(char *text, size_t size, const struct seen_range *t)
{
	snprintf(text, size, "%s %#lx-%#lx %sblockable in %s, %s[%d]%s%s",
		 t->event < 0 ? "?" : path_events[t->event], t->start, t->end,
		 t->blockable ? "" : "non-", t->initiator, t->comm, t->pid,
		 t->refused ? ", refused" : "", t->ended ? ", ended" : "");
	return text;
}

static inline struct path_subscriber *path_find(struct path *p, __u64 serial)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->subs[i].serial == serial)
			return &p->subs[i];
	return NULL;
}

static inline void path_start(struct path *p, struct path_subscriber *s, const struct seen_range *t)
{
	if (s->n == s->room) {
		size_t room = s->room * 2 ?: 64;
		struct seen_range *ranges = realloc(s->ranges, room * sizeof(*ranges));

		if (!ranges) {
			path_wrong(p, "out of memory");
			return;
		}
		s->ranges = ranges;
		s->room = room;
	}
	s->ranges[s->n] = *t;
	for (size_t i = 0; i < s->n; i++) {
		const struct seen_range *o = &s->ranges[i];

		if (o->pid == t->pid && !o->ended && !o->refused)
			s->ranges[s->n].nesting++;
	}
	s->n++;
}

/* The last start of the same range in the same task that has neither end nor refusal. */
static inline struct seen_range *path_open_start(struct path_subscriber *s,
						 const struct seen_range *t)
{
	for (size_t i = s->n; i--;) {
		struct seen_range *o = &s->ranges[i];

		if (!o->ended && !o->refused && o->pid == t->pid && o->start == t->start &&
		    o->end == t->end && o->event == t->event && o->blockable == t->blockable)
			return o;
	}
	return NULL;
}

static inline void path_call(struct path *p, const char *what, const char *initiator)
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

/* "comm-pid   [cpu] flags time: what: kind serial: ..." */
static inline void path_line(struct path *p, char *line)
{
	char what[16], blocks[16], event[16], *head, *cpu, *dash;
	struct path_subscriber *s;
	struct seen_range t = {}, *o;
	int begin = 0;
	__u64 serial;

	/* The time is the first thing with a colon behind the CPU; a name may have all of that. */
	cpu = strstr(line, " [0");
	head = cpu ? strstr(cpu, ": ") : NULL;
	if (!head || sscanf(head, ": %15[a-z]: %*s %llu: %n", what, &serial, &begin) != 2)
		return;
	s = path_find(p, serial);
	if (!s || !begin)
		return;

	*cpu = '\0';
	dash = strrchr(line, '-');
	if (!dash)
		return;
	t.pid = atoi(dash + 1);
	*dash = '\0';
	while (isspace(*line))
		line++;
	snprintf(t.comm, sizeof(t.comm), "%s", line);

	if (s->role == PATH_NONE || !strcmp(what, "release")) {
		if (sscanf(head + begin, "in %79s", t.initiator) == 1)
			path_call(p, what, t.initiator);
		return;
	}
	if (sscanf(head + begin, "%15s %lx-%lx %15s in %79s", event, &t.start, &t.end, blocks,
		   t.initiator) != 5) {
		path_wrong(p, "unreadable: %s", head);
		return;
	}
	t.event = path_event(event);
	t.blockable = !strcmp(blocks, "blockable");
	if (t.end <= (unsigned long)PATH_AREA ||
	    t.start >= (unsigned long)PATH_AREA + PATH_AREA_SIZE)
		return;

	if (!strcmp(what, "start")) {
		path_start(p, s, &t);
		return;
	}
	o = path_open_start(s, &t);
	if (!o)
		path_wrong(p, "%s without a start: %s", what, head + begin);
	else if (!strcmp(what, "refused"))
		o->refused = true;
	else
		o->ended = true;
}

/* Reads what was traced since the last time, and begins anew. */
static inline void path_read(struct path *p)
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

#endif /* MNCK_SELFTEST_RANGE_LOG_H */
