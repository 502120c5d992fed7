// SPDX-License-Identifier: GPL-2.0
/*
 * How much memory of the kernel a session can use: a subscriber's pages have a limit, and
 * all of it is charged to the memory cgroup of the caller.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cpus.h"
#include "file.h"
#include "interval.h"
#include "mnck_harness.h"
#include "option.h"

/* The pages of one call, and the calls up to the limit. */
#define PAGES MNCK_TOUCH_PAGES
#define CALLS (MNCK_MAX_PAGES / PAGES)

FIXTURE(uapi_memory)
{
	int fd;
	size_t len;
};

FIXTURE_SETUP(uapi_memory)
{
	self->len = PAGES * getpagesize();
	ASSERT_EQ(0, small_pages());
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(uapi_memory)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
}

/* Uses as many pages as the device of an aging subscriber can. */
static int touch_all(const struct subscriber *aging, size_t len)
{
	for (size_t i = 0; i < CALLS; i++) {
		if (mnck_touch(aging, (char *)(i * len), len))
			return -1;
	}
	return 0;
}

/* The pages of an aging subscriber's device are limited. */
TEST_F_TIMEOUT(uapi_memory, touch, MNCK_TIMEOUT)
{
	char *next = (char *)(CALLS * self->len);
	struct subscriber aging;

	ASSERT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_AGING, &aging));
	ASSERT_EQ(0, touch_all(&aging, self->len));
	EXPECT_ERRNO(ENOSPC, mnck_touch(&aging, next, getpagesize()));
	/* It has these pages already. */
	EXPECT_EQ(0, touch_all(&aging, self->len));
	EXPECT_ERRNO(ENOSPC, mnck_touch(&aging, next - self->len / 2, self->len));
}

/* The pages in the shadow of a mirror are limited, and an invalidation makes room. */
TEST_F_TIMEOUT(uapi_memory, mirror, MNCK_TIMEOUT)
{
	size_t all = (CALLS + 1) * self->len;
	struct subscriber mirror;
	char *area, *last;

	/* Read only: all pages are the zero page. */
	area = mmap(NULL, all, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, area);
	last = area + all - self->len;
	ASSERT_EQ(0, interval_attach(self->fd, 0, MNCK_KIND_MIRROR, 0, area, all, &mirror));
	for (char *at = area; at < last; at += self->len)
		ASSERT_EQ(0, mirror_fault(&mirror, 0, at, self->len));
	EXPECT_ERRNO(ENOSPC, mirror_fault(&mirror, 0, last, getpagesize()));
	EXPECT_EQ(0, mirror_fault(&mirror, 0, area, self->len));
	ASSERT_EQ(0, madvise(area, self->len, MADV_DONTNEED));
	EXPECT_EQ(0, mirror_fault(&mirror, 0, last, self->len));
	EXPECT_ERRNO(ENOSPC, mirror_fault(&mirror, 0, area, getpagesize()));
}

#define CGROUP_ROOT "/sys/fs/cgroup"
#define SLABINFO "/proc/slabinfo"

/* The process is in a memory cgroup of its own. */
FIXTURE(memcg)
{
	char path[64];
	int fd;
};

/* Moves this process into a cgroup. */
static int cgroup_enter(const char *cgroup)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	return file_write(path, "0");
}

/* Returns what a file of a cgroup has, a number of bytes. */
static long long cgroup_bytes(const char *cgroup, const char *name)
{
	char path[128], text[32];

	snprintf(path, sizeof(path), "%s/%s", cgroup, name);
	file_read(text, sizeof(text), path);
	return atoll(text);
}

/*
 * Returns the memory that is charged to a cgroup, in bytes; or -1.
 *
 * The kernel charges up to 64 pages in advance, which a CPU keeps.  It gives them back when
 * the cgroup gets a limit below what it has.  So this sets memory.high one page below, and
 * removes the limit.
 */
static long long cgroup_memory(const char *cgroup)
{
	char path[128], high[32];

	snprintf(path, sizeof(path), "%s/memory.high", cgroup);
	snprintf(high, sizeof(high), "%lld",
		 cgroup_bytes(cgroup, "memory.current") - getpagesize());
	if (file_write(path, high) || file_write(path, "max"))
		return -1;
	return cgroup_bytes(cgroup, "memory.current");
}

FIXTURE_SETUP(memcg)
{
	cpu_set_t one;
	int cpu;

	REQUIRE_OPTION(has_memcg(), "MEMCG");
	ASSERT_EQ(0, file_write(CGROUP_ROOT "/cgroup.subtree_control", "+memory"));
	snprintf(self->path, sizeof(self->path), CGROUP_ROOT "/mnck-%d", getpid());
	ASSERT_EQ(0, mkdir(self->path, 0755));
	ASSERT_EQ(0, cgroup_enter(self->path));
	ASSERT_EQ(0, own_pages());
	/* So that all is charged on one CPU. */
	ASSERT_EQ(1, cpus_allowed(&cpu, 1));
	one = cpu_set_of(cpu);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(one), &one));
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(memcg)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	EXPECT_EQ(0, cgroup_enter(CGROUP_ROOT));
	EXPECT_EQ(0, rmdir(self->path));
}

/* The pages of devices are charged: at least a node with three pointers and a key for each. */
TEST_F_TIMEOUT(memcg, pages, MNCK_TIMEOUT)
{
	long long before = cgroup_memory(self->path);
	struct subscriber aging;

	ASSERT_LT(0, before);
	ASSERT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_AGING, &aging));
	ASSERT_EQ(0, touch_all(&aging, PAGES * getpagesize()));
	EXPECT_LE(MNCK_MAX_PAGES * 32, cgroup_memory(self->path) - before);
}

/* A cache from which the kernel allocates what is not charged: kmalloc-8 to kmalloc-8k. */
struct cache {
	char name[16];
	long objects;
};

/* Reads all these caches, in the kernel's order.  Returns how many there are. */
static int caches_read(struct cache *caches, int most)
{
	FILE *file = fopen(SLABINFO, "r");
	char line[256];
	int nr = 0;

	while (file && nr < most && fgets(line, sizeof(line), file)) {
		struct cache *cache = &caches[nr];

		if (sscanf(line, "kmalloc-%15[0-9k] %ld", cache->name, &cache->objects) == 2)
			nr++;
	}
	if (file)
		fclose(file);
	return nr;
}

/*
 * Subscribers are charged to the cgroup, and nothing that each of them has is allocated from
 * the caches of memory that is not charged.
 *
 * The close waits for a grace period for each, which takes 17 ms on PREEMPT_RT: that kernel
 * does not expedite grace periods.
 */
TEST_F_TIMEOUT(memcg, subscribers, MNCK_TIMEOUT)
{
	const int nr = MNCK_MAX_SUBSCRIBERS / 4;
	struct cache before[32], after[32];
	long long memory;
	int caches;

	REQUIRE_OPTION(has_slabinfo(), "SLUB_DEBUG");
	caches = caches_read(before, ARRAY_SIZE(before));
	ASSERT_LT(0, caches);
	memory = cgroup_memory(self->path);
	ASSERT_LT(0, memory);
	for (int i = 0; i < nr; i++) {
		struct subscriber sub;

		ASSERT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_COUNTER, &sub));
	}
	memory = cgroup_memory(self->path) - memory;
	EXPECT_LE(nr * (long long)sizeof(struct mnck_stats), memory);
	ASSERT_EQ(caches, caches_read(after, ARRAY_SIZE(after)));
	for (int i = 0; i < caches; i++) {
		EXPECT_GT(nr / 2, after[i].objects - before[i].objects)
			TH_LOG("kmalloc-%s", after[i].name);
	}
}

TEST_HARNESS_MAIN
