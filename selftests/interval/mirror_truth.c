// SPDX-License-Identifier: GPL-2.0
/*
 * Proves that the shadow of a mirror never has an entry that the page table does not
 * have.  Four threads operate on a region of memory at random, and fault it into the
 * shadow.  After each operation:
 *
 *   - each entry must have the frame number of the page that is there now;
 *   - a writable entry must be of a page that this process does not share, since a child
 *     that shares the page would see what the device writes;
 *   - a writable entry must be in a VMA that may be written to.
 *
 * The shadow may lack an entry of the page table at any time, and may have a read-only
 * entry where the page table allows writing.
 *
 * The test does not depend on timing.  An operation takes a lock shared, so that
 * operations run in parallel; a check takes the lock exclusively.  During a check there
 * is no fault, so entries can disappear from the shadow, but none can appear.  The
 * process does not change its page table, but the kernel may do so (reclaim,
 * compaction): it first removes the entry from the shadow, and then the page.  So a
 * check reads the shadow, then the page table, and, if an entry is wrong, the shadow
 * again.  If the entry is still there, it was there while the page table was read, and
 * is wrong.  Otherwise the kernel has removed both meanwhile.
 */
#include <linux/fs.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "child.h"
#include "mnck_harness.h"
#include "shadow.h"
#include "swap.h"
#include "text.h"

#define THREADS 4
#define OPERATIONS 10000
#define REGION_PAGES 64
/* The most pages that one operation uses. */
#define OP_PAGES 8
/*
 * After an operation its pages are checked; every CHECK_ALL operations all pages, and the
 * VMAs as well.
 */
#define CHECK_ALL 16

struct region {
	struct subscriber mirror;
	int pagemap;
	int maps;
	size_t page;
	char *start;
	pthread_rwlock_t lock;
	atomic_int left;
	/* Protected by the lock, held exclusively. */
	unsigned int checks;
	unsigned long entries;
	unsigned long writable;
	unsigned long taken_by_kernel;
	/* What was wrong in the shadow. */
	struct text wrong;
	/* Operations that failed with an unexpected error. */
	atomic_int failed;
	atomic_int faults;
};

struct worker {
	pthread_t thread;
	struct region *region;
	__u64 random;
	/* A child that shares the pages of the process; 0 for none. */
	pid_t child;
	/* The pages of the last operation; @to differs from @from if it has moved them. */
	unsigned int from;
	unsigned int to;
	unsigned int pages;
};

/* Returns a random number below @limit, by xorshift64, whose state is never 0. */
static unsigned int below(struct worker *w, unsigned int limit)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return (w->random >> 32) % limit;
}

/* Forks a child, which shares all pages; or kills the child if there is one. */
static void fork_or_kill(struct worker *w)
{
	if (w->child) {
		if (child_kill(&w->child))
			w->region->failed++;
		return;
	}
	w->child = child_start();
	if (w->child < 0)
		w->region->failed++;
}

static void fault(struct worker *w, char *start, size_t len)
{
	__u32 flags = below(w, 2) ? MNCK_MIRROR_WRITE : 0;

	switch (errno_of(mirror_fault(&w->region->mirror, flags, start, len))) {
	case 0:
		w->region->faults++;
		break;
	case EFAULT:	/* a hole, or PROT_NONE */
	case EPERM:	/* read-only */
	case EBUSY:	/* too many collisions */
		break;
	default:
		w->region->failed++;
	}
}

static void move(struct worker *w, char *start, size_t len)
{
	struct region *r = w->region;
	int flags = MREMAP_MAYMOVE | MREMAP_FIXED | (below(w, 4) ? 0 : MREMAP_DONTUNMAP);

	w->to = below(w, REGION_PAGES - OP_PAGES + 1);
	/* This fails if the old and the new pages overlap, or if there is a hole. */
	mremap(start, len, len, flags, r->start + w->to * r->page);
}

/* Does one random operation, which may fail if its pages are not mapped or not accessible. */
static void operate(struct worker *w)
{
	static const int protections[] = {
		PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE,
	};
	struct region *r = w->region;
	unsigned int dice = below(w, 100);
	size_t len;
	char *start;

	w->pages = 1 + below(w, OP_PAGES);
	w->from = below(w, REGION_PAGES - OP_PAGES + 1);
	w->to = w->from;
	start = r->start + w->from * r->page;
	len = w->pages * r->page;

	if (dice < 38)
		fault(w, start, len);
	else if (dice < 56)
		madvise(start, len, MADV_POPULATE_WRITE);
	else if (dice < 60)
		madvise(start, len, MADV_POPULATE_READ);
	else if (dice < 67)
		madvise(start, len, MADV_DONTNEED);
	else if (dice < 73)
		madvise(start, len, MADV_FREE);
	else if (dice < 75)
		madvise(start, len, MADV_PAGEOUT);
	else if (dice < 83)
		mprotect(start, len, protections[below(w, ARRAY_SIZE(protections))]);
	else if (dice < 87)
		move(w, start, len);
	else if (dice < 89)
		munmap(start, len);
	else if (dice < 99)
		r->failed += mmap(start, len, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED |
				  (below(w, 2) ? MAP_POPULATE : 0), -1, 0) == MAP_FAILED;
	else
		fork_or_kill(w);
}

/* Returns whether @entry of the shadow contradicts @table, the pagemap entry of the page. */
static bool is_wrong(__u64 entry, __u64 table)
{
	bool writable = entry & MNCK_PAGE_WRITABLE;

	if (!entry)
		return false;
	return entry != mirrored(table, writable) || (writable && !(table & PAGEMAP_EXCLUSIVE));
}

/* Checks that no entry of the shadow is writable in a VMA that is read-only. */
static void check_vmas(struct region *r, const __u64 *shadow)
{
	struct procmap_query query = { .size = sizeof(query) };

	for (int i = 0; i < REGION_PAGES; i++) {
		uintptr_t address = (uintptr_t)r->start + i * r->page;

		if (!(shadow[i] & MNCK_PAGE_WRITABLE))
			continue;
		if (query.vma_start > address || query.vma_end <= address) {
			query = (struct procmap_query){
				.size = sizeof(query), .query_addr = address,
			};
			if (ioctl(r->maps, PROCMAP_QUERY, &query)) {
				text_add(&r->wrong, "page %d: no VMA (%d); ", i, errno);
				return;
			}
		}
		if (!(query.vma_flags & PROCMAP_QUERY_VMA_WRITABLE))
			text_add(&r->wrong, "page %d: %#llx, its VMA is read-only; ", i,
				 shadow[i]);
	}
}

/* Checks @pages pages from page @from on; stores their entries of the shadow in @shadow. */
static void check_pages(struct region *r, unsigned int from, unsigned int pages, __u64 *shadow)
{
	__u64 again[REGION_PAGES], table[REGION_PAGES];
	char *start = r->start + from * r->page;
	size_t len = pages * r->page;
	bool any_wrong = false;

	if (mirror_read(&r->mirror, start, len, shadow) ||
	    pagemap_read(r->pagemap, start, len, table)) {
		text_add(&r->wrong, "errno %d; ", errno);
		return;
	}
	for (unsigned int i = 0; i < pages; i++) {
		r->entries += shadow[i] != 0;
		r->writable += !!(shadow[i] & MNCK_PAGE_WRITABLE);
		any_wrong |= is_wrong(shadow[i], table[i]);
	}
	if (any_wrong && mirror_read(&r->mirror, start, len, again))
		text_add(&r->wrong, "errno %d; ", errno);
	for (unsigned int i = 0; any_wrong && i < pages; i++) {
		if (!is_wrong(shadow[i], table[i]))
			continue;
		if (again[i])
			text_add(&r->wrong, "page %u: %#llx, the page table has %#llx; ",
				 from + i, shadow[i], table[i]);
		else
			r->taken_by_kernel++;
	}
}

/* Checks the shadow after an operation of @w.  The caller holds the lock exclusively. */
static void check(struct region *r, const struct worker *w)
{
	__u64 shadow[REGION_PAGES];

	if (++r->checks % CHECK_ALL == 0) {
		check_pages(r, 0, REGION_PAGES, shadow);
		check_vmas(r, shadow);
		return;
	}
	check_pages(r, w->from, w->pages, shadow);
	if (w->to != w->from)
		check_pages(r, w->to, w->pages, shadow);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct region *r = w->region;
	bool go_on = true;

	while (go_on && r->left-- > 0) {
		pthread_rwlock_rdlock(&r->lock);
		operate(w);
		pthread_rwlock_unlock(&r->lock);

		pthread_rwlock_wrlock(&r->lock);
		check(r, w);
		go_on = !r->wrong.len;
		pthread_rwlock_unlock(&r->lock);
	}
	if (w->child)
		fork_or_kill(w);
	return NULL;
}

/* Returns the seed in the environment's MNCK_SEED, or a new one for each run. */
static unsigned int seed(void)
{
	const char *text = getenv("MNCK_SEED");
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return text ? strtoul(text, NULL, 0) : ts.tv_sec * 1000003UL + ts.tv_nsec / 1000;
}

FIXTURE(mirror_truth)
{
	int fd;
	bool has_swap;
	struct region region;
};

FIXTURE_SETUP(mirror_truth)
{
	struct region *r = &self->region;
	pthread_rwlockattr_t attr;

	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, small_pages());
	/* Without swap MADV_PAGEOUT takes only pages that MADV_FREE has marked. */
	self->has_swap = !swap_make(SWAP_DEVICE) && !swapon(SWAP_DEVICE, 0);
	r->pagemap = pagemap_open(0);
	ASSERT_LE(0, r->pagemap);
	r->maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, r->maps);
	r->page = getpagesize();
	r->start = mmap(NULL, REGION_PAGES * r->page, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, r->start);
	ASSERT_EQ(0, interval_attach(self->fd, 0, MNCK_KIND_MIRROR, 0, r->start,
				     REGION_PAGES * r->page, &r->mirror));
	/* Prefer checks to operations, or a check might never get the lock. */
	ASSERT_EQ(0, pthread_rwlockattr_init(&attr));
	ASSERT_EQ(0, pthread_rwlockattr_setkind_np(&attr,
						   PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP));
	ASSERT_EQ(0, pthread_rwlock_init(&r->lock, &attr));
	r->left = OPERATIONS;
}

FIXTURE_TEARDOWN(mirror_truth)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	munmap(self->region.start, REGION_PAGES * self->region.page);
	if (self->has_swap)
		EXPECT_EQ(0, swapoff(SWAP_DEVICE));
}

/* The shadow is never wrong while four threads do random operations. */
TEST_F_TIMEOUT(mirror_truth, random, 3 * MNCK_TIMEOUT)
{
	struct worker workers[THREADS];
	struct region *r = &self->region;
	unsigned int first = seed();
	struct mnck_stats stats;

	TH_LOG("MNCK_SEED=%u%s", first, self->has_swap ? "" : ", without swap");
	for (int i = 0; i < THREADS; i++) {
		/* Different seeds for the threads, none of which is 0. */
		workers[i] = (struct worker){
			.region = r, .random = (first * 4ULL + i) * 0x9e3779b97f4a7c15 | 1,
		};
		ASSERT_EQ(0, pthread_create(&workers[i].thread, NULL, work, &workers[i]));
	}
	for (int i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_join(workers[i].thread, NULL));

	EXPECT_STREQ("", r->wrong.text);
	EXPECT_TRUE(!r->failed);
	ASSERT_EQ(0, mnck_stats(&r->mirror, &stats));
	TH_LOG("%u checks of %lu entries, %lu of them writable", r->checks, r->entries,
	       r->writable);
	TH_LOG("%d faults, %llu retries, %llu invalidations, %lu entries taken by the kernel",
	       r->faults, stats.retries, stats.starts, r->taken_by_kernel);
	/* The shadow must have had entries for the checks to be of use. */
	EXPECT_EQ(OPERATIONS, r->checks);
	EXPECT_LE(OPERATIONS / 2, r->entries);
	EXPECT_LE(OPERATIONS / 10, r->writable);
	EXPECT_TRUE(r->faults >= OPERATIONS / 20);

	/* The shadow is empty after the region was unmapped. */
	ASSERT_EQ(0, munmap(r->start, REGION_PAGES * r->page));
	EXPECT_STREQ("", shadow_differs(&r->mirror, r->pagemap, r->start, REGION_PAGES, 0, 0));
}

TEST_HARNESS_MAIN
