/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ioctls of /dev/mnck as functions, and what their statistics must say.
 *
 * All functions that return int return 0, or -1 and errno, as the system calls
 * that they wrap.  Nothing here needs the kselftest harness; the assertions
 * are in expect.h.
 */
#ifndef MNCK_SELFTEST_UTILS_H
#define MNCK_SELFTEST_UTILS_H

#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "kselftest.h"
#include "mnck_uapi.h"

#define MNCK_DEVICE "/dev/mnck"

/* The default of the module parameter max_subscribers. */
#define MNCK_MAX_SUBSCRIBERS 1024

#define sizeof_field(TYPE, MEMBER) sizeof((((TYPE *)0)->MEMBER))
#define offsetofend(TYPE, MEMBER) (offsetof(TYPE, MEMBER) + sizeof_field(TYPE, MEMBER))

struct subscriber {
	int fd;
	__u32 kind;
	__u64 id;
};

static inline int mnck_open(void)
{
	return open(MNCK_DEVICE, O_RDWR | O_CLOEXEC);
}

/* Attach as @how says; its size is filled in. */
static inline int mnck_attach_how(int fd, struct mnck_attach how, struct subscriber *sub)
{
	int ret;

	how.size = sizeof(how);
	ret = ioctl(fd, MNCK_ATTACH, &how);
	*sub = (struct subscriber){ .fd = fd, .kind = how.kind, .id = how.id };
	return ret;
}

static inline int mnck_attach(int fd, pid_t pid, __u32 kind, struct subscriber *sub)
{
	return mnck_attach_how(fd, (struct mnck_attach){ .pid = pid, .kind = kind }, sub);
}

static inline int mnck_stats(const struct subscriber *sub, struct mnck_stats *stats)
{
	*stats = (struct mnck_stats){ .size = sizeof(*stats), .id = sub->id };
	return ioctl(sub->fd, MNCK_STATS, stats);
}

static inline int mnck_detach(const struct subscriber *sub, struct mnck_stats *stats)
{
	*stats = (struct mnck_stats){ .size = sizeof(*stats), .id = sub->id };
	return ioctl(sub->fd, MNCK_DETACH, stats);
}

static inline int mnck_lock(const struct subscriber *sub, __u32 op)
{
	struct mnck_lock cmd = {
		.size = sizeof(cmd),
		.id = sub->id,
		.op = op,
	};

	return ioctl(sub->fd, MNCK_LOCK, &cmd);
}

/* The device of an aging subscriber uses @len bytes at @start. */
static inline int mnck_touch(const struct subscriber *sub, const void *start, size_t len)
{
	struct mnck_touch cmd = {
		.size = sizeof(cmd),
		.id = sub->id,
		.start = (unsigned long)start,
		.end = (unsigned long)start + len,
	};

	return ioctl(sub->fd, MNCK_TOUCH, &cmd);
}

/*
 * Give this process pages of its own behind every private writable mapping
 * that it has now: mlock() breaks copy-on-write for all of them.
 *
 * A process that was forked writes to pages that it shares with its parent, and
 * each first write is an invalidation (CLEAR) of its own.  After this call, and
 * until the next fork(), there are none, so that what a test counts is what the
 * test did: exact by construction, not by a tolerance.
 */
static inline int own_pages(void)
{
	return mlockall(MCL_CURRENT) || munlockall() ? -1 : 0;
}

/*
 * No huge pages for this process, its children and what they exec: to unmap a
 * part of one is to split it, which is an invalidation (CLEAR) of its own.
 */
static inline int small_pages(void)
{
	return prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
}

/* Does a subscriber of @kind have an end for each start? */
static inline int mnck_has_ends(__u32 kind)
{
	return kind == MNCK_KIND_COUNTER || kind == MNCK_KIND_SHARED ||
	       kind == MNCK_KIND_TWO_PASS || kind == MNCK_KIND_CHAIN;
}

/*
 * What a subscriber of @kind must say after @n ranges of @event, @bytes in all,
 * the last of which was @last, @len bytes long.  Each of them was blockable, or
 * (@flags without MNCK_RANGE_BLOCKABLE) none; nothing is open and none refused.
 */
static inline struct mnck_stats saw(__u32 kind, __u64 n, enum mnck_event event, __u32 flags,
				    const void *last, size_t len, __u64 bytes)
{
	struct mnck_stats want = {
		.starts = n,
		.ends = mnck_has_ends(kind) ? n : 0,
		.non_blockable = flags & MNCK_RANGE_BLOCKABLE ? 0 : n,
		.last_start = (unsigned long)last,
		.last_end = (unsigned long)last + len,
		.last_event = event,
		.last_flags = flags,
		.bytes = bytes,
	};

	want.events[event] = n;
	return want;
}

/* The commonest case: @n blockable UNMAPs of @len bytes each. */
static inline struct mnck_stats saw_unmaps(__u32 kind, __u64 n, const void *last, size_t len)
{
	return saw(kind, n, MNCK_EVENT_UNMAP, MNCK_RANGE_BLOCKABLE, last, len, n * len);
}

static inline struct mnck_stats saw_nothing(void)
{
	return (struct mnck_stats){};
}

/* The statistics now, or none. */
static inline struct mnck_stats stats_now(const struct subscriber *sub)
{
	struct mnck_stats stats;

	return mnck_stats(sub, &stats) ? saw_nothing() : stats;
}

/* The same after the mm was released, by exit, exec or detach. */
static inline struct mnck_stats released(struct mnck_stats want)
{
	want.releases = 1;
	return want;
}

/*
 * The same after a detach: a release for those that have one and are not told of
 * the exit alone.
 */
static inline struct mnck_stats detached(__u32 kind, struct mnck_stats want)
{
	switch (kind) {
	case MNCK_KIND_MIRROR:
	case MNCK_KIND_TWO_PASS:
	case MNCK_KIND_SHARED:
		return want;
	default:
		return released(want);
	}
}

struct mnck_text {
	char text[512];
	size_t len;
};

__printf(2, 3)
static inline void mnck_say(struct mnck_text *t, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(t->text + t->len, sizeof(t->text) - t->len, fmt, args);
	va_end(args);
	if (n > 0 && t->len + n < sizeof(t->text))
		t->len += n;
}

/*
 * The invariants of the UAPI header, which hold whenever one looks: returns ""
 * or what is broken.
 */
static inline const char *mnck_broken(__u32 kind, const struct mnck_stats *st)
{
	static struct mnck_text t;
	__u64 events = 0;

	t = (struct mnck_text){};
	for (int i = 0; i < MNCK_EVENTS; i++)
		events += st->events[i];

	if (mnck_has_ends(kind)) {
		if (st->starts != st->ends + st->open + st->closed_by_detach)
			mnck_say(&t, "starts %llu != ends %llu + open %llu + closed %llu; ",
				 st->starts, st->ends, st->open, st->closed_by_detach);
		if (st->refusals)
			mnck_say(&t, "refused %llu times; ", st->refusals);
	} else {
		if (st->ends || st->open || st->closed_by_detach)
			mnck_say(&t, "without ends, but ends %llu, open %llu, closed %llu; ",
				 st->ends, st->open, st->closed_by_detach);
		if (st->refusals > st->non_blockable)
			mnck_say(&t, "refusals %llu > non_blockable %llu; ",
				 st->refusals, st->non_blockable);
	}
	if (events != st->starts)
		mnck_say(&t, "starts %llu != sum of events %llu; ", st->starts, events);
	if (st->non_blockable > st->starts)
		mnck_say(&t, "non_blockable %llu > starts %llu; ", st->non_blockable, st->starts);
	if (st->starts && st->last_start >= st->last_end)
		mnck_say(&t, "empty range %#llx-%#llx; ", st->last_start, st->last_end);
	return t.text;
}

/* Compares all that the kernel counts: returns "" or each member that differs. */
static inline const char *mnck_differs(const struct mnck_stats *want,
				       const struct mnck_stats *seen)
{
	static const struct {
		const char *name;
		size_t offset;
	} members[] = {
#define MEMBER(_name) { #_name, offsetof(struct mnck_stats, _name) }
		MEMBER(starts),
		MEMBER(ends),
		MEMBER(refusals),
		MEMBER(open),
		MEMBER(closed_by_detach),
		MEMBER(releases),
		MEMBER(non_blockable),
		MEMBER(events[MNCK_EVENT_UNMAP]),
		MEMBER(events[MNCK_EVENT_CLEAR]),
		MEMBER(events[MNCK_EVENT_PROTECTION_VMA]),
		MEMBER(events[MNCK_EVENT_PROTECTION_PAGE]),
		MEMBER(events[MNCK_EVENT_SOFT_DIRTY]),
		MEMBER(events[MNCK_EVENT_RELEASE]),
		MEMBER(events[MNCK_EVENT_MIGRATE]),
		MEMBER(events[MNCK_EVENT_EXCLUSIVE]),
		MEMBER(events[MNCK_EVENT_UNKNOWN]),
		MEMBER(last_start),
		MEMBER(last_end),
		MEMBER(bytes),
		MEMBER(clear_flush_young),
		MEMBER(clear_young),
		MEMBER(test_young),
		MEMBER(young),
		MEMBER(last_young_start),
		MEMBER(last_young_end),
		MEMBER(flushes),
		MEMBER(flushes_all),
		MEMBER(last_flush_start),
		MEMBER(last_flush_end),
		MEMBER(violations[MNCK_RULE_PAIRING]),
		MEMBER(violations[MNCK_RULE_FAILURE]),
		MEMBER(violations[MNCK_RULE_FAILING_END]),
		MEMBER(violations[MNCK_RULE_NON_BLOCK]),
		MEMBER(violations[MNCK_RULE_LOCK_ORDER]),
		MEMBER(violations[MNCK_RULE_RECLAIM]),
		MEMBER(violations[MNCK_RULE_SEQUENCE]),
		MEMBER(violations[MNCK_RULE_RELEASE]),
		MEMBER(violations[MNCK_RULE_LIFETIME]),
		MEMBER(violations[MNCK_RULE_LATENCY]),
#undef MEMBER
	};
	static struct mnck_text t;

	t = (struct mnck_text){};
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		const __u64 *w = (const void *)((const char *)want + members[i].offset);
		const __u64 *s = (const void *)((const char *)seen + members[i].offset);

		if (*w != *s)
			mnck_say(&t, "%s %#llx, wanted %#llx; ", members[i].name, *s, *w);
	}
	if (want->last_event != seen->last_event)
		mnck_say(&t, "last_event %u, wanted %u; ", seen->last_event, want->last_event);
	if (want->last_flags != seen->last_flags)
		mnck_say(&t, "last_flags %#x, wanted %#x; ", seen->last_flags, want->last_flags);
	if (want->flags != seen->flags)
		mnck_say(&t, "flags %#x, wanted %#x; ", seen->flags, want->flags);
	return t.text;
}

#endif /* MNCK_SELFTEST_UTILS_H */
