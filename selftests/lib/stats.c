// SPDX-License-Identifier: GPL-2.0
#include <stddef.h>

#include "kselftest.h"
#include "stats.h"
#include "text.h"

bool mnck_has_ends(__u32 kind)
{
	return kind == MNCK_KIND_COUNTER || kind == MNCK_KIND_SHARED ||
	       kind == MNCK_KIND_TWO_PASS || kind == MNCK_KIND_CHAIN;
}

struct mnck_stats saw(__u32 kind, __u64 n, enum mnck_event event, __u32 flags, const void *last,
		      size_t len, __u64 bytes)
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

struct mnck_stats saw_unmaps(__u32 kind, __u64 n, const void *last, size_t len)
{
	return saw(kind, n, MNCK_EVENT_UNMAP, MNCK_RANGE_BLOCKABLE, last, len, n * len);
}

struct mnck_stats saw_reaps(__u32 kind, const struct reapable *reap, unsigned int rounds)
{
	if (!rounds)
		return saw_nothing();
	return saw(kind, (__u64)rounds * reap->vmas, MNCK_EVENT_CLEAR, 0, (void *)reap->start,
		   reap->end - reap->start, rounds * reap->bytes);
}

struct mnck_stats saw_nothing(void)
{
	return (struct mnck_stats){};
}

struct mnck_stats refused(struct mnck_stats want, __u64 refusals)
{
	want.refusals = refusals;
	return want;
}

struct mnck_stats released(struct mnck_stats want)
{
	want.releases = 1;
	return want;
}

struct mnck_stats detached(__u32 kind, struct mnck_stats want)
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

const char *mnck_broken(__u32 kind, const struct mnck_stats *st)
{
	static struct text t;
	__u64 events = 0;

	t = (struct text){};
	for (int i = 0; i < MNCK_EVENTS; i++)
		events += st->events[i];

	if (mnck_has_ends(kind)) {
		if (st->starts != st->ends + st->open + st->closed_by_detach)
			text_add(&t, "starts %llu != ends %llu + open %llu + closed %llu; ",
				 st->starts, st->ends, st->open, st->closed_by_detach);
		if (st->refusals)
			text_add(&t, "refused %llu times; ", st->refusals);
	} else {
		if (st->ends || st->open || st->closed_by_detach)
			text_add(&t, "without ends, but ends %llu, open %llu, closed %llu; ",
				 st->ends, st->open, st->closed_by_detach);
		if (st->refusals > st->non_blockable)
			text_add(&t, "refusals %llu > non_blockable %llu; ",
				 st->refusals, st->non_blockable);
	}
	if (events != st->starts)
		text_add(&t, "starts %llu != sum of events %llu; ", st->starts, events);
	if (st->non_blockable > st->starts)
		text_add(&t, "non_blockable %llu > starts %llu; ", st->non_blockable, st->starts);
	if (st->starts && st->last_start >= st->last_end)
		text_add(&t, "empty range %#llx-%#llx; ", st->last_start, st->last_end);
	return t.text;
}

const char *mnck_differs(const struct mnck_stats *want, const struct mnck_stats *seen)
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
		MEMBER(violations[MNCK_RULE_STALL]),
#undef MEMBER
	};
	static struct text t;

	t = (struct text){};
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		const __u64 *w = (const void *)((const char *)want + members[i].offset);
		const __u64 *s = (const void *)((const char *)seen + members[i].offset);

		if (*w != *s)
			text_add(&t, "%s %#llx, wanted %#llx; ", members[i].name, *s, *w);
	}
	if (want->last_event != seen->last_event)
		text_add(&t, "last_event %u, wanted %u; ", seen->last_event, want->last_event);
	if (want->last_flags != seen->last_flags)
		text_add(&t, "last_flags %#x, wanted %#x; ", seen->last_flags, want->last_flags);
	if (want->flags != seen->flags)
		text_add(&t, "flags %#x, wanted %#x; ", seen->flags, want->flags);
	return t.text;
}
