// SPDX-License-Identifier: GPL-2.0
/*
 * Measures how many instructions the model subscribers of mnck add to a munmap, with
 * their statistics and all checks.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/ioctl.h>

#include "measure.h"
#include "mnck_uapi.h"

static __u64 attach(int fd, __u32 kind, __u32 flags, __u64 chain)
{
	struct mnck_attach attach = {
		.size = sizeof(attach),
		.kind = kind,
		.flags = flags,
		.chain = chain,
	};

	if (kind == MNCK_KIND_MIRROR) {
		attach.start = BASE;
		attach.end = BASE + PAGE;
	}

	if (ioctl(fd, MNCK_ATTACH, &attach))
		err(1, "MNCK_ATTACH");
	return attach.id;
}

static long starts(int fd, __u64 id)
{
	struct mnck_stats stats = { .size = sizeof(stats), .id = id };

	if (ioctl(fd, MNCK_STATS, &stats))
		err(1, "MNCK_STATS");
	return stats.starts;
}

/* Measures a munmap with @count subscribers, attached to the core or to a chain. */
static void munmaps(const char *name, unsigned int kind, unsigned long count, __u32 flags)
{
	int fd = open("/dev/mnck", O_RDWR | O_CLOEXEC);
	__u64 chain = 0, last = 0, ticks;

	if (fd < 0)
		err(1, "/dev/mnck");
	if (flags & MNCK_ATTACH_IN_CHAIN)
		chain = attach(fd, MNCK_KIND_CHAIN, 0, 0);
	for (unsigned long i = 0; i < count; i++)
		last = attach(fd, kind, flags, chain);
	ticks = munmap_at((char *)BASE);
	print(name, "", count, ticks, 1, count ? starts(fd, last) * count : 0);
}

static void on_core(const char *name, unsigned int kind, unsigned long count)
{
	munmaps(name, kind, count, 0);
}

static void in_chain(const char *name, unsigned int kind, unsigned long count)
{
	munmaps(name, kind, count, MNCK_ATTACH_IN_CHAIN);
}

int main(void)
{
	static const unsigned long counts[] = { 0, 1, 33 };

	for (unsigned int i = 0; i < ARRAY_SIZE(counts); i++) {
		in_child(on_core, "counter", MNCK_KIND_COUNTER, counts[i]);
		in_child(on_core, "trylock", MNCK_KIND_TRYLOCK, counts[i]);
		in_child(on_core, "mirror", MNCK_KIND_MIRROR, counts[i]);
		in_child(in_chain, "chain", MNCK_KIND_COUNTER, counts[i]);
	}
	return 0;
}
