// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chain.h"
#include "interval.h"
#include "kselftest.h"
#include "mistakes.h"
#include "observed.h"
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

/*
 * Has mnck observe all drivers, gives the process one that makes no mistake, and adds what mnck
 * sees of it to what is compared.  The module and the watch stay.
 */
static int path_observe(struct path *p, pid_t pid)
{
	char line[32];

	if (!has_fprobe() || !module_file(MISTAKES_VARIABLE, MISTAKES_MODULE)) {
		ksft_print_msg("what mnck observes is not compared\n");
		return 0;
	}
	if (mnck_set_parameter("watch", 1) ||
	    (module_insert(MISTAKES_VARIABLE, MISTAKES_MODULE, "") && errno != EEXIST))
		return -1;
	snprintf(line, sizeof(line), "clean of %d", pid ?: getpid());
	p->observed = mistakes_subscribe(line);
	if (p->observed < 0)
		return -1;
	/* mnck sees its callbacks a moment later, the first time. */
	while (probed_calls(PATH_OBSERVED_START) < 0 || probed_calls(PATH_OBSERVED_END) < 0)
		usleep(500);
	p->subs[p->n++] = (struct path_subscriber){
		.sub.kind = PATH_KIND_OBSERVED, .serial = PATH_OBSERVED_SERIAL,
		.role = PATH_OBSERVED,
	};
	return 0;
}

/* Takes the driver away again.  It is gone although children have the file open. */
static int path_unobserve(struct path *p)
{
	int fd = p->observed;

	p->observed = 0;
	return fd > 0 && (write(fd, "-clean", 6) != 6 || close(fd)) ? -1 : 0;
}

int path_unwatch(struct path *p)
{
	if (path_unobserve(p) || (has_fprobe() && mnck_set_parameter("watch", 0)))
		return -1;
	for (size_t i = 0; i < p->n; i++)
		if (p->subs[i].role == PATH_OBSERVED)
			p->subs[i].role = PATH_NONE;
	return 0;
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
	if (path_observe(p, pid))
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

/* Names a subscriber in a failure. */
static const char *path_name(const struct path *p, size_t i)
{
	static char name[32];

	if (p->subs[i].role == PATH_OBSERVED)
		return "the driver that mnck observes";
	snprintf(name, sizeof(name), "subscriber %zu", i);
	return name;
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
		for (size_t k = 0; k < s->n && k < first->n; k++) {
			const struct seen_range *r = &s->ranges[k], *f = &first->ranges[k];

			range_text(a, sizeof(a), r);
			if (r->event != f->event || r->start != f->start || r->end != f->end ||
			    r->blockable != f->blockable || r->pid != f->pid ||
			    (s->role != PATH_OBSERVED && strcmp(r->initiator, f->initiator)))
				path_wrong(p, "%s has received %s, its reference %s",
					   path_name(p, i), a, range_text(b, sizeof(b), f));
			if (r->ended != (s->role != PATH_FALLIBLE && !r->refused))
				path_wrong(p, "%s has %sreceived the end of %s", path_name(p, i),
					   r->ended ? "" : "not ", a);
			if (r->refused && (r->blockable || s->role == PATH_PAIRED))
				path_wrong(p, "subscriber %zu has refused %s", i, a);
		}
		if (s->n < first->n)
			path_wrong(p, "%s has not received %s", path_name(p, i),
				   range_text(a, sizeof(a), &first->ranges[s->n]));
		if (s->n > first->n)
			path_wrong(p, "%s has received %s, its reference has not", path_name(p, i),
				   range_text(a, sizeof(a), &s->ranges[first->n]));
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
		free(p->subs[i].ranges);
		if (p->subs[i].sub.kind == PATH_KIND_OBSERVED)
			continue;
		if (mnck_stats(&p->subs[i].sub, &stats))
			path_wrong(p, "no statistics of subscriber %zu", i);
		for (int rule = 0; rule < MNCK_RULES; rule++)
			if (stats.violations[rule])
				path_wrong(p, "subscriber %zu broke rule %d", i, rule);
	}
	if (path_unobserve(p))
		path_wrong(p, "close of the driver: %s", strerror(errno));
	if (p->refuser > 0 && close(p->refuser))
		path_wrong(p, "close of the refuser: %s", strerror(errno));
	if (close(p->fd))
		path_wrong(p, "close: %s", strerror(errno));
	return p->wrong;
}
