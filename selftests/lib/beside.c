// SPDX-License-Identifier: GPL-2.0
#include "beside.h"
#include "chain.h"
#include "interval.h"
#include "text.h"

int beside_attach(struct beside *all, pid_t pid, void *start, size_t len)
{
	all->mirror = (struct subscriber){ .fd = -1 };
	all->fd = mnck_open();
	return all->fd < 0 ||
	       mnck_attach(all->fd, pid, MNCK_KIND_TRYLOCK, &all->trylock) ||
	       (len && interval_attach(all->fd, pid, MNCK_KIND_MIRROR, 0, start, len,
				       &all->mirror)) ||
	       chain_attach(all->fd, pid, &all->chain) ||
	       chain_join(&all->chain, MNCK_KIND_COUNTER, &all->member_counter) ||
	       chain_join(&all->chain, MNCK_KIND_TRYLOCK, &all->member_trylock) ||
	       mnck_attach(all->fd, pid, MNCK_KIND_COUNTER, &all->counter) ? -1 : 0;
}

static void check(struct text *wrong, const char *name, const struct subscriber *sub,
		  __u64 starts, const char *(*broken)(const struct subscriber *,
						      const struct mnck_stats *))
{
	struct mnck_stats stats;
	const char *why;

	if (mnck_stats(sub, &stats)) {
		text_add(wrong, "no statistics of the %s; ", name);
		return;
	}
	if (sub->kind == MNCK_KIND_MIRROR ? stats.starts > starts : stats.starts != starts)
		text_add(wrong, "%s: starts %llu, wanted %llu; ", name, stats.starts, starts);
	if (stats.open)
		text_add(wrong, "%s: open %llu; ", name, stats.open);
	for (int rule = 0; rule < MNCK_RULES; rule++)
		if (stats.violations[rule])
			text_add(wrong, "%s: rule %d broken %llu times; ", name, rule,
				 stats.violations[rule]);
	why = broken(sub, &stats);
	if (*why)
		text_add(wrong, "%s: %s", name, why);
}

static const char *broken_alone(const struct subscriber *sub, const struct mnck_stats *stats)
{
	return mnck_broken(sub->kind, stats);
}

static const char *broken_in_chain(const struct subscriber *sub, const struct mnck_stats *stats)
{
	(void)sub;
	return member_broken(stats);
}

const char *beside_broken(const struct beside *all, __u64 starts)
{
	static struct text wrong;

	wrong = (struct text){};
	check(&wrong, "counter", &all->counter, starts, broken_alone);
	check(&wrong, "trylock", &all->trylock, starts, broken_alone);
	check(&wrong, "chain", &all->chain, starts, broken_in_chain);
	check(&wrong, "chain's counter", &all->member_counter, starts, broken_in_chain);
	check(&wrong, "chain's trylock", &all->member_trylock, starts, broken_in_chain);
	if (all->mirror.fd >= 0)
		check(&wrong, "mirror", &all->mirror, starts, broken_alone);
	return wrong.text;
}

int beside_close(struct beside *all)
{
	int fd = all->fd;

	all->fd = -1;
	return fd < 0 ? 0 : close(fd);
}
