// SPDX-License-Identifier: GPL-2.0
#include "chain.h"
#include "text.h"

int chain_attach(int fd, pid_t pid, struct subscriber *chain)
{
	return mnck_attach(fd, pid, MNCK_KIND_CHAIN, chain);
}

int chain_join(const struct subscriber *chain, __u32 kind, struct subscriber *member)
{
	struct mnck_attach how = {
		.kind = kind, .flags = MNCK_ATTACH_IN_CHAIN, .chain = chain->id,
	};

	return mnck_attach_how(chain->fd, how, member);
}

const char *member_broken(const struct mnck_stats *st)
{
	static struct text t;

	t = (struct text){};
	if (st->starts != st->ends + st->open + st->closed_by_detach + st->refusals)
		text_add(&t, "starts %llu != ends %llu + open %llu + closed %llu + refusals %llu; ",
			 st->starts, st->ends, st->open, st->closed_by_detach, st->refusals);
	if (st->refusals > st->non_blockable)
		text_add(&t, "refusals %llu > non_blockable %llu; ",
			 st->refusals, st->non_blockable);
	if (st->releases > 1)
		text_add(&t, "released %llu times; ", st->releases);
	return t.text;
}

struct mnck_stats paired_off(struct mnck_stats want, __u64 refusals, __u64 ends, __u64 closed)
{
	want.refusals = refusals;
	want.ends = ends;
	want.closed_by_detach = closed;
	want.open = want.starts - refusals - ends - closed;
	return want;
}
