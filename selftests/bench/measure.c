// SPDX-License-Identifier: GPL-2.0
/*
 * "measure DEVICE": measures how many instructions the subscribers of the module of
 * DEVICE add to a munmap, for each kind and for various numbers of subscribers, and how
 * many it takes to attach and to detach one.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>
#include <sys/ioctl.h>

#include "bench.h"
#include "measure.h"

/* From one interval of a page to the next, in bytes. */
#define STRIDE	(2 * PAGE)
/* How many of the intervals many_intervals() hits. */
#define SAMPLES	16

static const char *device;

static const struct {
	const char *name;
	enum bench_kind kind;
} kinds[] = {
	{ "paired", BENCH_PAIRED },
	{ "fallible", BENCH_FALLIBLE },
	{ "secondary_tlb", BENCH_SECONDARY_TLB },
	{ "aging", BENCH_AGING },
	{ "shared", BENCH_SHARED },
	{ "mutex", BENCH_MUTEX },
	{ "spin", BENCH_SPIN },
	{ "two_pass", BENCH_TWO_PASS },
};

static int open_device(void)
{
	int fd = open(device, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		err(1, "%s", device);
	return fd;
}

/*
 * Attaches @count subscribers.  Intervals are of a page each: with @apart there is a page
 * between them, otherwise all are at @start.
 */
static void attach(int fd, unsigned int kind, unsigned long count, unsigned long start,
		   bool apart)
{
	struct bench_attach attach = {
		.kind = kind,
		.count = count,
		.start = start,
		.length = PAGE,
		.stride = apart ? STRIDE : 0,
	};

	if (ioctl(fd, BENCH_ATTACH, &attach))
		err(1, "BENCH_ATTACH of %lu", count);
}

static void detach(int fd)
{
	if (ioctl(fd, BENCH_DETACH))
		err(1, "BENCH_DETACH");
}

/*
 * Returns the least ticks of marking a page idle, for which the core asks the subscribers
 * whether the page is young.
 */
static __u64 mark_idle(int bitmap, __u64 pfn)
{
	__u64 word = 1ULL << pfn % 64;
	__u64 ticks = ~0ULL;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		__u64 start = now();

		if (pwrite(bitmap, &word, 8, pfn / 64 * 8) != 8)
			err(1, "page_idle");
		ticks = least(ticks, now() - start);
	}
	return ticks;
}

/* Maps a page that idle page tracking does not skip, and returns its frame number. */
static __u64 idle_page(void)
{
	int pagemap = open("/proc/self/pagemap", O_RDONLY);
	__u64 entry;

	map((char *)BASE);
	/* Moves the page from the per-CPU batch to the LRU list, where the bitmap finds it. */
	if (madvise((void *)BASE, PAGE, MADV_COLD))
		err(1, "MADV_COLD");
	if (pread(pagemap, &entry, 8, BASE / PAGE * 8) != 8)
		err(1, "pagemap");
	return entry & ((1ULL << 55) - 1);
}

/*
 * Measures an event, a munmap or for aging subscribers a question about a young page, that
 * all of @count subscribers see.
 */
static void events(const char *name, unsigned int kind, unsigned long count)
{
	int bitmap = -1, fd = open_device();
	__u64 ticks, pfn = 0;
	unsigned long i;
	long before;

	if (kind == BENCH_AGING) {
		bitmap = open("/sys/kernel/mm/page_idle/bitmap", O_RDWR);
		if (bitmap < 0)
			err(1, "page_idle");
		pfn = idle_page();
	}
	if (kind != BENCH_SHARED)
		attach(fd, kind, count, BASE, false);
	else
		/* An open file has one shared subscriber of an mm, so open many. */
		for (i = 0; i < count; i++)
			attach(i ? open_device() : fd, kind, 1, BASE, false);

	before = ioctl(fd, BENCH_CALLS);
	ticks = bitmap < 0 ? munmap_at((char *)BASE) : mark_idle(bitmap, pfn);
	print(name, "", count, ticks, 1, ioctl(fd, BENCH_CALLS) - before);
}

/* Measures attaching and detaching one subscriber, when @count are attached in a row. */
static void registrations(const char *name, unsigned int kind, unsigned long count)
{
	__u64 start, in = ~0ULL, out = ~0ULL;
	int i, fd = open_device();

	/* Leave out the first subscriber of the mm, which costs more than the others. */
	attach(open_device(), kind, 1, BASE - STRIDE, false);

	for (i = 0; i < 3; i++) {
		start = now();
		attach(fd, kind, count, BASE, true);
		in = least(in, now() - start);

		start = now();
		detach(fd);
		out = least(out, now() - start);
	}
	print(name, ".in", count, in, count, 0);
	print(name, ".out", count, out, count, 0);
}

/* Measures a munmap that one of @count intervals sees, on average over some of them. */
static void many_intervals(const char *name, unsigned int kind, unsigned long count)
{
	unsigned long i, samples = least(count, SAMPLES);
	unsigned long stride = count / samples * STRIDE;
	int fd = open_device();
	__u64 ticks = 0;

	attach(fd, kind, count, BASE, true);
	for (i = 0; i < samples; i++)
		ticks += munmap_at((char *)BASE + i * stride);
	print(name, ".munmap", count, ticks, samples, ioctl(fd, BENCH_CALLS));
	detach(fd);
}

int main(int argc, char **argv)
{
	static const unsigned long counts[] = { 0, 1, 33 };
	unsigned long i, j;

	if (argc != 2)
		errx(1, "usage: measure DEVICE");
	device = argv[1];
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		for (j = 0; j < ARRAY_SIZE(counts); j++)
			in_child(events, kinds[i].name, kinds[i].kind, counts[j]);
	for (i = 1; i <= 1024; i *= 2)
		in_child(events, "paired.munmap", BENCH_PAIRED, i);
	for (i = 1; i <= 100000; i *= 10) {
		in_child(many_intervals, "interval", BENCH_MUTEX, i);
		in_child(registrations, "interval", BENCH_MUTEX, i);
		in_child(registrations, "shared", BENCH_SHARED, i);
	}
	return 0;
}
