/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A path of mm that invalidates, and what each flavour of subscriber is told of it.
 *
 * All flavours are attached at once, to the same process: paired, fallible, shared,
 * an interval in one pass and one in two, a chain with members of two kinds, a
 * secondary TLB, and one that ages.  What they are told is read from the
 * tracepoints, range by range: the event, the range, whether it may block, the task,
 * and the function of mm that has begun it.  All must have been told the same.
 *
 * A test has PATH_AREA for itself, and what it expects is all that may be told of
 * that, while elsewhere the process may copy its stack after a fork, and so on.
 *
 * With MNCK_REFUSING in the environment there is somebody who refuses all that must
 * not block, as well.
 *
 * As in mnck_utils.h, what returns int returns 0, or -1 and errno.  What returns a
 * string returns "", or what is wrong.
 */
#ifndef MNCK_SELFTEST_PATH_H
#define MNCK_SELFTEST_PATH_H

#include "chain.h"
#include "violation.h"
#include "initiators.h"
#include "interval.h"
#include "range_log.h"

/* What a test expects to be told. */
struct wanted_range {
	enum mnck_event event;
	unsigned long start;
	size_t len;
	/*
	 * The function that begins it, and behind a blank each that the compiler may
	 * have inlined that into.
	 */
	const char *initiator;
	/* In which task; 0: the test itself.  There is kernel_thread() for others. */
	pid_t pid;
	bool non_blockable;
	/* Who may refuse did. */
	bool refused;
};

/* A blockable range, in the test itself unless there is more to say: .pid = child. */
#define RANGE(_event, _start, _len, _initiator, ...)            \
	((struct wanted_range){                                 \
		.event = MNCK_EVENT_##_event,                   \
		.start = (unsigned long)(_start),               \
		.len = (_len),                                  \
		.initiator = (_initiator),                      \
		##__VA_ARGS__                                   \
	})

static inline bool path_refusing(void)
{
	return getenv("MNCK_REFUSING");
}

static inline int path_add(struct path *p, const struct subscriber *sub, enum path_role role)
{
	struct mnck_stats stats;

	if (mnck_stats(sub, &stats))
		return -1;
	p->subs[p->n++] = (struct path_subscriber){
		.sub = *sub, .serial = stats.serial, .role = role,
	};
	return 0;
}

static inline int path_attach_all(struct path *p, pid_t pid)
{
	struct subscriber sub;

	if (mnck_attach(p->fd, pid, MNCK_KIND_COUNTER, &sub) || path_add(p, &sub, PATH_PAIRED) ||
	    mnck_attach(p->fd, pid, MNCK_KIND_TRYLOCK, &sub) || path_add(p, &sub, PATH_FALLIBLE) ||
	    mnck_attach(p->fd, pid, MNCK_KIND_SHARED, &sub) || path_add(p, &sub, PATH_PAIRED) ||
	    mnck_attach(p->fd, pid, MNCK_KIND_SECONDARY_TLB, &sub) ||
	    path_add(p, &sub, PATH_NONE) ||
	    mnck_attach(p->fd, pid, MNCK_KIND_AGING, &sub) || path_add(p, &sub, PATH_NONE) ||
	    chain_attach(p->fd, pid, MNCK_POLICY_EXACT, &p->chain) ||
	    chain_join(&p->chain, MNCK_KIND_COUNTER, &sub) || path_add(p, &sub, PATH_PAIRED) ||
	    chain_join(&p->chain, MNCK_KIND_TRYLOCK, &sub) || path_add(p, &sub, PATH_BOTH))
		return -1;
	if (path_refusing() &&
	    (faulty_attach(p->fd, pid, MNCK_FAULT_REFUSES, MNCK_IN_START, NULL, 0, &sub) ||
	     path_add(p, &sub, PATH_FALLIBLE)))
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

/* Attaches all flavours to a process, 0 for this one, and listens. */
static inline int path_attach(struct path *p, pid_t pid, enum path_fate fate)
{
	*p = (struct path){ .fd = mnck_open(), .fate = fate };
	if (p->fd >= 0 && !path_attach_all(p, pid) && !tracefs_mount() && !tracing_on())
		return 0;
	ksft_print_msg("%s; %s\n", strerror(errno), TRACEFS_NEEDS);
	return -1;
}

/* The one of this kind on the core, of a kind that there is one of; or NULL. */
static inline const struct subscriber *path_find_kind(const struct path *p, __u32 kind)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->subs[i].sub.kind == kind)
			return &p->subs[i].sub;
	return NULL;
}

/* Who stands for subscriber @i: the first of those who must be told the same. */
static inline struct path_subscriber *path_reference(struct path *p, size_t i)
{
	return &p->subs[p->fate == PATH_ENDS && i >= p->intervals ? p->intervals : 0];
}

/* Each flavour was told what the first was, and of the end if it has one. */
static inline void path_compare(struct path *p)
{
	char a[256], b[256];

	for (size_t i = 0; i < p->n; i++) {
		const struct path_subscriber *s = &p->subs[i], *first = path_reference(p, i);

		if (s->role == PATH_NONE)
			continue;
		if (s->n != first->n)
			path_wrong(p, "subscriber %zu was told of %zu ranges, the first of %zu",
				   i, s->n, first->n);
		for (size_t k = 0; k < s->n && k < first->n; k++) {
			const struct seen_range *t = &s->ranges[k], *f = &first->ranges[k];

			range_text(a, sizeof(a), t);
			if (t->event != f->event || t->start != f->start || t->end != f->end ||
			    t->blockable != f->blockable || t->pid != f->pid ||
			    strcmp(t->initiator, f->initiator))
				path_wrong(p, "subscriber %zu was told %s, the first %s", i, a,
					   range_text(b, sizeof(b), f));
			if (t->ended != (s->role != PATH_FALLIBLE && !t->refused))
				path_wrong(p, "subscriber %zu: %s its end: %s", i,
					   t->ended ? "told" : "not told", a);
			if (t->refused && (t->blockable || s->role == PATH_PAIRED))
				path_wrong(p, "subscriber %zu: refused: %s", i, a);
		}
	}
}

/* What make coverage counts. */
static inline void path_print_seen(struct path *p)
{
	const struct path_subscriber *first = path_reference(p, p->n - 1);

	for (size_t k = 0; k < first->n; k++)
		path_call(p, first->ranges[k].event == MNCK_EVENT_RELEASE ? "release" : "range",
			  first->ranges[k].initiator);
	for (size_t i = 0; i < p->nr_calls; i++)
		ksft_print_msg("mnck-seen: %s %s %zu\n", p->calls[i].what, p->calls[i].initiator,
			       p->calls[i].n);
}

/* Looks at what was told since the last look. */
static inline void path_collect(struct path *p)
{
	path_read(p);
	path_compare(p);
	path_print_seen(p);
}

static inline bool initiator_matches(const char *symbol, const char *names)
{
	size_t len = strcspn(symbol, "+");

	for (const char *name = names; *name; name += strspn(name, " ")) {
		size_t n = strcspn(name, " ");

		if (n == len && !strncmp(name, symbol, n))
			return true;
		name += n;
	}
	return false;
}

/* At the last look: how often one of @names has made somebody be called. */
static inline size_t path_count_calls(const struct path *p, const char *what, const char *names)
{
	size_t n = 0;

	for (size_t i = 0; i < p->nr_calls; i++)
		if (!strcmp(p->calls[i].what, what) &&
		    initiator_matches(p->calls[i].initiator, names))
			n += p->calls[i].n;
	return n;
}

static inline bool range_matches(const struct seen_range *t, const struct wanted_range *w)
{
	return t->event == (int)w->event && t->start == w->start && t->end == w->start + w->len &&
	       t->blockable == !w->non_blockable && t->pid == (w->pid ?: gettid()) &&
	       initiator_matches(t->initiator, w->initiator);
}

/* All that was told, for a failure. */
static inline void path_print_ranges(const struct path_subscriber *s)
{
	char text[256];

	for (size_t k = 0; k < s->n && k < 64; k++)
		ksft_print_msg("told: %s\n", range_text(text, sizeof(text), &s->ranges[k]));
}

static inline void wanted_text(char *text, size_t size, const struct wanted_range *w)
{
	snprintf(text, size, "%s %#lx-%#lx %sblockable in %s, [%d]", path_events[w->event],
		 w->start, w->start + w->len, w->non_blockable ? "non-" : "", w->initiator,
		 w->pid ?: gettid());
}

/*
 * Since the last look all were told these ranges, in this order or in any, each
 * once, and no other.  If the process ends: the interval subscribers.
 */
static inline const char *path_differs(struct path *p, const struct wanted_range *want, size_t n,
				       bool in_order)
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
			path_wrong(p, "not told, or not in its turn: %s", text);
			break;
		}
		found[k] = true;
		for (size_t s = 0; s < p->n; s++)
			if (path_reference(p, s) == first && p->subs[s].role != PATH_NONE &&
			    p->subs[s].role != PATH_PAIRED && k < p->subs[s].n &&
			    p->subs[s].ranges[k].refused != want[i].refused)
				path_wrong(p, "%s: subscriber %zu %s", text, s,
					   want[i].refused ? "has not refused" : "has refused");
	}
	if (first->n > n)
		path_wrong(p, "told of %zu ranges, wanted %zu", first->n, n);
	free(found);
	if (p->wrong[0])
		path_print_ranges(first);
	return p->wrong;
}

/* Nobody broke a rule, and what is open is closed. */
static inline const char *path_close(struct path *p)
{
	struct mnck_stats stats;

	if (p->fd < 0)
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
	if (close(p->fd))
		path_wrong(p, "close: %s", strerror(errno));
	return p->wrong;
}

/* Private anonymous memory at @start, where nothing is. */
static inline int map_untouched(void *start, size_t len)
{
	void *p = mmap(start, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	return p == start ? 0 : -1;
}

/* The same, with a page behind each. */
static inline int map_pages(void *start, size_t len)
{
	if (map_untouched(start, len))
		return -1;
	memset(start, 0x5a, len);
	return 0;
}

/* A child that does nothing, and ends with this process. */
static inline pid_t child_start(void)
{
	pid_t child = fork();

	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return child;
}

static inline int child_kill(pid_t *child)
{
	pid_t pid = *child;

	*child = 0;
	return pid <= 0 || (!kill(pid, SIGKILL) && waitpid(pid, NULL, 0) == pid) ? 0 : -1;
}

#define EXPECT_RANGES_(_path, _in_order, ...)                   \
	do {                                                    \
		struct wanted_range wants_[] = { __VA_ARGS__ }; \
								\
		EXPECT_STREQ("", path_differs(_path, wants_, ARRAY_SIZE(wants_), _in_order)); \
	} while (0)

/* Exactly these, in this order. */
#define EXPECT_RANGES(_path, ...) EXPECT_RANGES_(_path, true, __VA_ARGS__)
/* Exactly these, in any order. */
#define EXPECT_RANGES_UNORDERED(_path, ...) EXPECT_RANGES_(_path, false, __VA_ARGS__)
#define EXPECT_NO_RANGES(_path) EXPECT_STREQ("", path_differs(_path, NULL, 0, true))

#define PATH_ATTACH_TO(_path, _pid, _fate) ASSERT_EQ(0, path_attach(_path, _pid, _fate))
#define PATH_ATTACH(_path) PATH_ATTACH_TO(_path, 0, PATH_LIVES)

#endif /* MNCK_SELFTEST_PATH_H */
