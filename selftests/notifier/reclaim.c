// SPDX-License-Identifier: GPL-2.0
/*
 * Proves that reclaim asks subscribers whether their device has used a page, by
 * clear_flush_young, before it takes the page, and that it flushes the secondary
 * TLB when it takes the page.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/stat.h>

#include "cpus.h"
#include "file.h"
#include "mnck_harness.h"
#include "option.h"
#include "pages.h"
#include "proc.h"
#include "settings.h"
#include "swap.h"
#include "victim.h"

#define CGROUP "/sys/fs/cgroup/mnck"
#define AREA_PAGES 32

/* Where the victim maps the memory that is charged to its cgroup. */
#define CHARGED (VICTIM_AREA + (1UL << 30))

#define ASSERT_SWAP_ON()                                                          \
	do {                                                                      \
		REQUIRE_OPTION(has_swap(), "SWAP");                               \
		REQUIRE_OPTION(has_ram_disk(), "BLK_DEV_RAM");                    \
		ASSERT_EQ(0, swap_make(SWAP_DEVICE)) TH_LOG(SWAP_DEVICE ": %m");  \
		ASSERT_EQ(0, swapon(SWAP_DEVICE, 0)) TH_LOG("swapon: %m");        \
	} while (0)

FIXTURE(reclaim)
{
	int fd;
	size_t page;
	size_t len;
	struct victim victim;
	struct subscriber aging;
	struct settings settings;
};

FIXTURE_SETUP(reclaim)
{
	char pid[16];

	self->fd = -1;
	self->page = getpagesize();
	self->len = AREA_PAGES * self->page;
	REQUIRE_OPTION(has_memcg(), "MEMCG");
	ASSERT_SWAP_ON();
	/* The multi-generational LRU does not call clear_flush_young. */
	ASSERT_EQ(0, lru_gen_off(&self->settings));
	ASSERT_EQ(0, victim_start(&self->victim, self->page));

	/* Only what the victim maps from now on is charged to the cgroup, and reclaimed. */
	ASSERT_EQ(0, file_write("/sys/fs/cgroup/cgroup.subtree_control", "+memory"));
	ASSERT_EQ(0, mkdir(CGROUP, 0755));
	snprintf(pid, sizeof(pid), "%d", self->victim.pid);
	ASSERT_EQ(0, file_write(CGROUP "/cgroup.procs", pid));
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MAP_TOUCH, CHARGED, self->len));

	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, mnck_attach(self->fd, self->victim.pid, MNCK_KIND_AGING, &self->aging));
}

FIXTURE_TEARDOWN(reclaim)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	victim_kill(&self->victim);
	rmdir(CGROUP);
	EXPECT_EQ(0, swapoff(SWAP_DEVICE));
	EXPECT_EQ(0, settings_restore(&self->settings));
}

/* Returns how many bytes of a process are in swap. */
static size_t swapped(pid_t pid)
{
	char path[64], buf[4096], *line;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file_read(buf, sizeof(buf), path);
	line = strstr(buf, "\nVmSwap:");
	return line ? atol(line + strlen("\nVmSwap:")) * 1024 : 0;
}

/*
 * Reclaims memory of the cgroup; returns whether all @len bytes are in swap by now.
 * Reclaim often gives up early, so the caller repeats this.
 */
static bool reclaimed_all(pid_t pid, size_t len)
{
	file_write(CGROUP "/memory.reclaim", "1M");
	return swapped(pid) >= len;
}

/*
 * Swaps out all pages.  The subscriber must have been asked about each page at least
 * once, and have answered @_young times that the page was young.
 */
#define EXPECT_RECLAIMED(_young)                                                  \
	do {                                                                      \
		unsigned long start_ = (unsigned long)CHARGED;                    \
		struct mnck_stats got_;                                           \
										  \
		WAIT_UNTIL(reclaimed_all(self->victim.pid, self->len));           \
		ASSERT_EQ(0, mnck_stats(&self->aging, &got_));                    \
		EXPECT_LE(AREA_PAGES, got_.clear_flush_young);                    \
		EXPECT_EQ(0, got_.clear_young);                                   \
		EXPECT_EQ(0, got_.test_young);                                    \
		EXPECT_EQ(_young, got_.young);                                    \
		EXPECT_EQ(0, got_.starts);                                        \
		/* The last question was about one page of the cgroup. */         \
		EXPECT_LE(start_, got_.last_young_start);                         \
		EXPECT_GE(start_ + self->len, got_.last_young_end);               \
		EXPECT_EQ(0, got_.last_young_start % self->page);                 \
		EXPECT_EQ(self->page, got_.last_young_end - got_.last_young_start); \
	} while (0)

/* Pages that the device has not used are old. */
TEST_F_TIMEOUT(reclaim, untouched, MNCK_TIMEOUT)
{
	EXPECT_RECLAIMED(0);
}

/* Each page that the device has used is young once, however often reclaim asks. */
TEST_F_TIMEOUT(reclaim, touched, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, mnck_touch(&self->aging, CHARGED, self->len));
	EXPECT_RECLAIMED(AREA_PAGES);
}

/* Only the pages that the device has used are young. */
TEST_F_TIMEOUT(reclaim, half_touched, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, mnck_touch(&self->aging, CHARGED + self->len / 2, self->len / 2));
	EXPECT_RECLAIMED(AREA_PAGES / 2);
}

/*
 * A page that is swapped out is flushed from the secondary TLB before it is written
 * to swap.  arm64 flushes the page at once.  x86 defers the flush if the process also
 * runs on another CPU, and then flushes the whole address space.
 */
FIXTURE(pageout)
{
	int fd;
	size_t page;
	/* A touched page between guard pages. */
	char *target;
	struct subscriber tlb;
};

FIXTURE_SETUP(pageout)
{
	self->fd = -1;
	self->page = getpagesize();
	ASSERT_SWAP_ON();
	ASSERT_EQ(0, small_pages());
	self->target = mmap(NULL, 3 * self->page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->target);
	self->target += self->page;
	ASSERT_EQ(0, mprotect(self->target, self->page, PROT_READ | PROT_WRITE));
	memset(self->target, 1, self->page);
	ASSERT_EQ(0, own_pages());
	WAIT_UNTIL(pages_on_lru(self->target, self->page));
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(pageout)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	EXPECT_EQ(0, swapoff(SWAP_DEVICE));
}

/*
 * Swaps the page out; returns whether it is in swap now.  Another user of the page may
 * bring it back from the swap cache, so the caller repeats this.
 */
static bool paged_out(char *page)
{
	return !madvise(page, getpagesize(), MADV_PAGEOUT) && page_entry(page) & PAGEMAP_SWAPPED;
}

/* A page of a process that runs on this CPU alone is flushed. */
TEST_F_TIMEOUT(pageout, here, MNCK_TIMEOUT)
{
	unsigned long start = (unsigned long)self->target;
	struct mnck_stats stats;

	ASSERT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_SECONDARY_TLB, &self->tlb));
	WAIT_UNTIL(paged_out(self->target));
	ASSERT_EQ(0, mnck_stats(&self->tlb, &stats));
	EXPECT_LE(1, stats.flushes);
	if (!stats.flushes_all) {
		EXPECT_GE(start, stats.last_flush_start);
		EXPECT_LE(start + self->page, stats.last_flush_end);
	}
	EXPECT_EQ(1, self->target[0]);
}

struct spinner {
	pthread_t thread;
	atomic_bool runs;
	atomic_bool stop;
};

static void *spin_thread(void *arg)
{
	struct spinner *s = arg;

	s->runs = true;
	while (!s->stop)
		;
	return NULL;
}

/* A page of a process that runs on another CPU as well is flushed. */
TEST_F_TIMEOUT(pageout, elsewhere, MNCK_TIMEOUT)
{
	unsigned long start = (unsigned long)self->target;
	struct mnck_stats stats;
	struct spinner s = {};
	pthread_attr_t attr;
	cpu_set_t here;
	int cpus[2], nr_cpus;

	nr_cpus = cpus_allowed(cpus, ARRAY_SIZE(cpus));
	ASSERT_LT(0, nr_cpus);
	if (nr_cpus < 2)
		SKIP(return, "needs two CPUs");

	/* The test runs on one CPU and the spinning thread on the other. */
	here = cpu_set_of(cpus[0]);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(here), &here));
	ASSERT_EQ(0, pthread_attr_init(&attr));
	ASSERT_EQ(0, cpu_bind_attr(&attr, cpus[1]));
	ASSERT_EQ(0, pthread_create(&s.thread, &attr, spin_thread, &s));
	WAIT_UNTIL(s.runs);
	ASSERT_EQ(0, own_pages());
	WAIT_UNTIL(pages_on_lru(self->target, self->page));

	ASSERT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_SECONDARY_TLB, &self->tlb));
	WAIT_UNTIL(paged_out(self->target));
	ASSERT_EQ(0, mnck_stats(&self->tlb, &stats));
#ifdef __x86_64__
	EXPECT_LE(1, stats.flushes_all);
#else
	EXPECT_EQ(0, stats.flushes_all);
	EXPECT_GE(start, stats.last_flush_start);
	EXPECT_LE(start + self->page, stats.last_flush_end);
#endif
	(void)start;
	s.stop = true;
	ASSERT_EQ(0, pthread_join(s.thread, NULL));
}

TEST_HARNESS_MAIN
