// SPDX-License-Identifier: GPL-2.0
/*
 * How much memory of the kernel a session can use: a subscriber's pages have a limit, and
 * all of it is charged to the memory cgroup of the caller.
 */
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

/* Returns the memory that is charged to a cgroup, in bytes. */
static long long cgroup_memory(const char *cgroup)
{
	char path[128], text[32];

	snprintf(path, sizeof(path), "%s/memory.current", cgroup);
	file_read(text, sizeof(text), path);
	return atoll(text);
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

/*
 * What memory.current may have in excess, in bytes: the kernel charges 64 pages at once, and
 * the CPU keeps what it has not used.
 */
static long long cgroup_excess(void)
{
	return 64LL * getpagesize();
}

/* The pages of devices are charged: at least a node with three pointers and a key for each. */
TEST_F_TIMEOUT(memcg, pages, MNCK_TIMEOUT)
{
	const long long least = MNCK_MAX_PAGES * 32;
	const int nr = 4 * cgroup_excess() / least + 1;
	long long before = cgroup_memory(self->path), charged;
	struct subscriber aging;

	ASSERT_LT(0, before);
	for (int i = 0; i < nr; i++) {
		ASSERT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_AGING, &aging));
		ASSERT_EQ(0, touch_all(&aging, PAGES * getpagesize()));
	}
	charged = cgroup_memory(self->path) - before;
	EXPECT_LE(nr * least, charged);
}

/*
 * Subscribers are charged: more than what the session has of each, so also what is
 * registered with the core.
 */
TEST_F_TIMEOUT(memcg, subscribers, MNCK_TIMEOUT)
{
	const long long least = MNCK_MAX_SUBSCRIBERS * 320;
	const int nr = 6 * cgroup_excess() / least + 1;
	long long before, charged;
	struct subscriber sub;
	int fds[nr];

	for (int i = 0; i < nr; i++) {
		fds[i] = mnck_open();
		ASSERT_LE(0, fds[i]);
	}
	before = cgroup_memory(self->path);
	for (int i = 0; i < nr * MNCK_MAX_SUBSCRIBERS; i++)
		ASSERT_EQ(0, mnck_attach(fds[i % nr], 0, MNCK_KIND_COUNTER, &sub));
	charged = cgroup_memory(self->path) - before;
	EXPECT_LE(nr * least, charged);
	for (int i = 0; i < nr; i++)
		EXPECT_EQ(0, close(fds[i]));
}

TEST_HARNESS_MAIN
