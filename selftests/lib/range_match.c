// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "path.h"
#include "range_match.h"
#include "text.h"

/* Returns whether a symbol is one of @names, which blanks separate. */
static bool initiator_matches(const char *symbol, const char *names)
{
	size_t len = symbol_len(symbol);

	for (const char *name = names; *name; name += strspn(name, " ")) {
		size_t n = strcspn(name, " ");

		if (n == len && !strncmp(name, symbol, n))
			return true;
		name += n;
	}
	return false;
}

size_t path_count_calls(const struct path *p, const char *what, const char *names)
{
	size_t n = 0;

	for (size_t i = 0; i < p->nr_calls; i++)
		if (!strcmp(p->calls[i].what, what) &&
		    initiator_matches(p->calls[i].initiator, names))
			n += p->calls[i].n;
	return n;
}

bool range_matches(const struct seen_range *seen, const struct wanted_range *want)
{
	return seen->event == (int)want->event && seen->start == want->start &&
	       seen->end == want->start + want->len && seen->blockable == !want->non_blockable &&
	       seen->pid == (want->pid ?: gettid()) &&
	       initiator_matches(seen->initiator, want->initiator);
}

static void wanted_text(char *text, size_t size, const struct wanted_range *want)
{
	snprintf(text, size, "%s %#lx-%#lx %sblockable in %s, [%d]", path_events[want->event],
		 want->start, want->start + want->len, want->non_blockable ? "non-" : "",
		 want->initiator, want->pid ?: gettid());
}

const char *path_differs(struct path *p, const struct wanted_range *want, size_t n, bool in_order)
{
	struct path_subscriber *first = path_reference(p, p->n - 1);
	char text[256];
	bool *found;

	path_collect(p);
	found = calloc(first->n + 1, sizeof(*found));
	if (!found) {
		path_wrong(p, "out of memory");
		return p->wrong;
	}
	for (size_t i = 0; i < n; i++) {
		size_t k = in_order ? i : 0;

		while (!in_order && k < first->n &&
		       (found[k] || !range_matches(&first->ranges[k], &want[i])))
			k++;
		wanted_text(text, sizeof(text), &want[i]);
		if (k >= first->n || !range_matches(&first->ranges[k], &want[i])) {
			path_wrong(p, "missing, or out of order: %s", text);
			break;
		}
		found[k] = true;
		for (size_t s = 0; s < p->n; s++)
			if (path_reference(p, s) == first &&
			    (p->subs[s].role == PATH_FALLIBLE || p->subs[s].role == PATH_BOTH) &&
			    k < p->subs[s].n &&
			    p->subs[s].ranges[k].refused != want[i].refused)
				path_wrong(p, "%s: subscriber %zu has %srefused it", text, s,
					   want[i].refused ? "not " : "");
	}
	if (first->n > n)
		path_wrong(p, "%zu ranges came, wanted %zu", first->n, n);
	free(found);
	if (p->wrong[0])
		path_print_ranges(first);
	return p->wrong;
}

const char *path_differs_within(struct path *p, const void *start, size_t len, bool parts,
				const struct wanted_range *want, size_t n)
{
	const struct path_subscriber *first = &p->subs[0];
	const unsigned long lo = (unsigned long)start, hi = lo + len;
	char text[256];

	path_collect(p);
	if (first->n < n || (first->n > n && !parts))
		path_wrong(p, "%zu ranges came, wanted %zu", first->n, n);
	for (size_t k = 0; k < first->n && !p->wrong[0]; k++) {
		const struct wanted_range *w = &want[k < n ? k : n - 1];
		struct seen_range seen = first->ranges[k];

		if (seen.start < lo || seen.end > hi)
			path_wrong(p, "outside %#lx-%#lx: %s", lo, hi,
				   range_text(text, sizeof(text), &seen));
		if (k >= n || (seen.start <= w->start && seen.end >= w->start + w->len)) {
			seen.start = w->start;
			seen.end = w->start + w->len;
		}
		wanted_text(text, sizeof(text), w);
		if (!range_matches(&seen, w))
			path_wrong(p, "missing, or out of order: %s", text);
		if (seen.refused)
			path_wrong(p, "refused: %s", text);
	}
	if (p->wrong[0])
		path_print_ranges(first);
	return p->wrong;
}

bool rest_is_clear_within(const struct path *p, size_t from, const char *start, size_t len,
			  const char *initiator)
{
	for (size_t k = from; k < p->subs[0].n; k++) {
		const struct seen_range *r = &p->subs[0].ranges[k];
		struct wanted_range same = RANGE(CLEAR, r->start, r->end - r->start, initiator);

		if (!range_matches(r, &same) || r->start < (unsigned long)start ||
		    r->end > (unsigned long)start + len)
			return false;
	}
	return true;
}
