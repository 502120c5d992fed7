// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chain.h"
#include "interval.h"
#include "kselftest.h"
#include "mistakes.h"
#include "path.h"
#include "stats.h"
#include "tracefs.h"

bool path_refusing(void)
{
	return getenv("MNCK_REFUSING");
}

/* Adds an attached subscriber to those that are compared. */
static int path_add(struct path *p, const struct subscriber *sub, enum path_role role)
{
	struct mnck_stats stats;

	if (mnck_stats(sub, &stats))
		return -1;
	p->subs[p->n++] = (struct path_subscriber){
		.sub = *sub, .serial = stats.serial, .role = role,
	};
	return 0;
}

/* Gives the caller a driver that refuses non-blockable ranges.  Its module stays. */
static int path_subscribe_refuser(struct path *p)
{
	if (module_insert(MISTAKES_VARIABLE, MISTAKES_MODULE, "") && errno != EEXIST)
		return -1;
	p->refuser = mistakes_subscribe("refusing");
	return p->refuser < 0 ? -1 : 0;
}

static int path_attach_all(struct path *p, pid_t pid)
{
	struct subscriber sub;

	if (mnck_attach(p->fd, pid, MNCK_KIND_COUNTER, &sub) || path_add(p, &sub, PATH_PAIRED) ||
	    mnck_attach(p->fd, pid, MNCK_KIND_TRYLOCK, &sub) || path_add(p, &sub, PATH_FALLIBLE) ||
	    mnck_attach(p->fd, pid, MNCK_KIND_SHARED, &sub) || path_add(p, &sub, PATH_PAIRED) ||
	    mnck_attach(p->fd, pid, MNCK_KIND_SECONDARY_TLB, &sub) ||
	    path_add(p, &sub, PATH_NONE) ||
	    mnck_attach(p->fd, pid, MNCK_KIND_AGING, &sub) || path_add(p, &sub, PATH_NONE) ||
	    chain_attach(p->fd, pid, &p->chain) ||
	    chain_join(&p->chain, MNCK_KIND_COUNTER, &sub) || path_add(p, &sub, PATH_PAIRED) ||
	    chain_join(&p->chain, MNCK_KIND_TRYLOCK, &sub) || path_add(p, &sub, PATH_BOTH))
		return -1;
	if (path_refusing() && !pid && path_subscribe_refuser(p))
		return -1;
	p->intervals = p->n;
	if (!(p->fate == PATH_REAPED && path_refusing()) &&
	    (interval_attach(p->fd, pid, MNCK_KIND_MIRROR, 0, PATH_AREA, PATH_AREA_SIZE, &sub) ||
	     path_add(p, &sub, PATH_FALLIBLE) ||
	     interval_attach(p->fd, pid, MNCK_KIND_TWO_PASS, 0, PATH_AREA, PATH_AREA_SIZE, &sub) ||
	     path_add(p, &sub, PATH_PAIRED)))
		return -1;
	return 0;
}

int path_attach(struct path *p, pid_t pid, enum path_fate fate)
{
	*p = (struct path){ .fd = mnck_open(), .fate = fate };
	if (p->fd >= 0 && !path_attach_all(p, pid) && !tracefs_mount() && !tracing_on())
		return 0;
	ksft_print_msg("can't attach all subscribers, or trace them: %s\n", strerror(errno));
	return -1;
}

int path_attach_area(struct path *p, size_t len)
{
	if (small_pages() || map_pages(PATH_AREA, len) || own_pages()) {
		ksft_print_msg("%s: no memory at PATH_AREA\n", strerror(errno));
		return -1;
	}
	return path_attach(p, 0, PATH_LIVES);
}

const struct subscriber *path_find_kind(const struct path *p, __u32 kind)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->subs[i].sub.kind == kind)
			return &p->subs[i].sub;
	return NULL;
}

struct path_subscriber *path_reference(struct path *p, size_t i)
{
	return &p->subs[p->fate == PATH_ENDS && i >= p->intervals ? p->intervals : 0];
}

/*
 * Checks that each subscriber has received the ranges of its reference, and the ends if
 * it receives ends.
 */
static void path_compare(struct path *p)
{
	char a[256], b[256];

	for (size_t i = 0; i < p->n; i++) {
		const struct path_subscriber *s = &p->subs[i], *first = path_reference(p, i);

		if (s->role == PATH_NONE)
			continue;
		if (s->n != first->n)
			path_wrong(p, "subscriber %zu has received %zu ranges, its reference %zu",
				   i, s->n, first->n);
		for (size_t k = 0; k < s->n && k < first->n; k++) {
			const struct seen_range *r = &s->ranges[k], *f = &first->ranges[k];

			range_text(a, sizeof(a), r);
			if (r->event != f->event || r->start != f->start || r->end != f->end ||
			    r->blockable != f->blockable || r->pid != f->pid ||
			    strcmp(r->initiator, f->initiator))
				path_wrong(p, "subscriber %zu has received %s, its reference %s",
					   i, a, range_text(b, sizeof(b), f));
			if (r->ended != (s->role != PATH_FALLIBLE && !r->refused))
				path_wrong(p, "subscriber %zu has %sreceived the end of %s", i,
					   r->ended ? "" : "not ", a);
			if (r->refused && (r->blockable || s->role == PATH_PAIRED))
				path_wrong(p, "subscriber %zu has refused %s", i, a);
		}
	}
}

/* Prints what make coverage counts. */
static void path_print_seen(struct path *p)
{
	const struct path_subscriber *first = path_reference(p, p->n - 1);

	for (size_t k = 0; k < first->n; k++)
		path_call(p, first->ranges[k].event == MNCK_EVENT_RELEASE ? "release" : "range",
			  first->ranges[k].initiator);
	for (size_t i = 0; i < p->nr_calls; i++)
		ksft_print_msg("mnck-seen: %s %s %zu\n", p->calls[i].what, p->calls[i].initiator,
			       p->calls[i].n);
}

void path_collect(struct path *p)
{
	path_read(p);
	path_compare(p);
	path_print_seen(p);
}

void path_print_ranges(const struct path_subscriber *s)
{
	char text[256];

	for (size_t k = 0; k < s->n && k < 64; k++)
		ksft_print_msg("received: %s\n", range_text(text, sizeof(text), &s->ranges[k]));
}

const char *path_close(struct path *p)
{
	struct mnck_stats stats;

	/* 0 in a fixture that has attached nothing, since its data are zeroed. */
	if (p->fd <= 0)
		return "";
	tracing_off();
	for (size_t i = 0; i < p->n; i++) {
		if (mnck_stats(&p->subs[i].sub, &stats))
			path_wrong(p, "no statistics of subscriber %zu", i);
		for (int rule = 0; rule < MNCK_RULES; rule++)
			if (stats.violations[rule])
				path_wrong(p, "subscriber %zu broke rule %d", i, rule);
		free(p->subs[i].ranges);
	}
	if (p->refuser > 0 && close(p->refuser))
		path_wrong(p, "close of the refuser: %s", strerror(errno));
	if (close(p->fd))
		path_wrong(p, "close: %s", strerror(errno));
	return p->wrong;
}
