// SPDX-License-Identifier: GPL-2.0
/*
 * Measures what subscribers add to a munmap, for each flavour, and what their
 * number does: "measure DEVICE".
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>
#include <sys/ioctl.h>

#include "bench.h"
#include "measure.h"

#define APART	(2 * PAGE)
#define SPOTS	16	/* of many intervals */

static const char *device;

static const struct {
	const char *name;
	enum bench_flavour flavour;
} flavours[] = {
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

/* Intervals are of a page each, side by side with a page between them, or all at @start. */
static void attach(int fd, unsigned int flavour, unsigned long count, unsigned long start,
		   bool apart)
{
	struct bench_attach attach = {
		.flavour = flavour,
		.count = count,
		.start = start,
		.length = PAGE,
		.stride = apart ? APART : 0,
	};

	if (ioctl(fd, BENCH_ATTACH, &attach))
		err(1, "BENCH_ATTACH of %lu", count);
}

static void detach(int fd)
{
	if (ioctl(fd, BENCH_DETACH))
		err(1, "BENCH_DETACH");
}

/* The same of marking a page idle, which asks whether it is young. */
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

/* Map a page that the idle bitmap knows, and return its frame number. */
static __u64 idle_page(void)
{
	int pagemap = open("/proc/self/pagemap", O_RDONLY);
	__u64 entry;

	map((char *)BASE);
	/* Puts it into the list of pages, from those that wait for that. */
	if (madvise((void *)BASE, PAGE, MADV_COLD))
		err(1, "MADV_COLD");
	if (pread(pagemap, &entry, 8, BASE / PAGE * 8) != 8)
		err(1, "pagemap");
	return entry & ((1ULL << 55) - 1);
}

/* What an event costs with @count subscribers to where it is. */
static void events(const char *name, unsigned int flavour, unsigned long count)
{
	int bitmap = -1, fd = open_device();
	__u64 ticks, pfn = 0;
	unsigned long i;
	long before;

	if (flavour == BENCH_AGING) {
		bitmap = open("/sys/kernel/mm/page_idle/bitmap", O_RDWR);
		if (bitmap < 0)
			err(1, "page_idle");
		pfn = idle_page();
	}
	if (flavour != BENCH_SHARED)
		attach(fd, flavour, count, BASE, false);
	else
		/* Of these each file has one. */
		for (i = 0; i < count; i++)
			attach(i ? open_device() : fd, flavour, 1, BASE, false);

	before = ioctl(fd, BENCH_CALLS);
	ticks = bitmap < 0 ? munmap_at((char *)BASE) : mark_idle(bitmap, pfn);
	print(name, "", count, ticks, 1, ioctl(fd, BENCH_CALLS) - before);
}

/* What one of @count subscribers costs that are attached and detached at once. */
static void registrations(const char *name, unsigned int flavour, unsigned long count)
{
	__u64 start, in = ~0ULL, out = ~0ULL;
	int i, fd = open_device();

	/* The first of an address space is another matter. */
	attach(open_device(), flavour, 1, BASE - APART, false);

	for (i = 0; i < 3; i++) {
		start = now();
		attach(fd, flavour, count, BASE, true);
		in = least(in, now() - start);

		start = now();
		detach(fd);
		out = least(out, now() - start);
	}
	print(name, ".in", count, in, count, 0);
	print(name, ".out", count, out, count, 0);
}

/* What a munmap costs where one of @count intervals is, on average. */
static void many_intervals(const char *name, unsigned int flavour, unsigned long count)
{
	unsigned long i, spots = least(count, SPOTS);
	unsigned long stride = count / spots * APART;
	int fd = open_device();
	__u64 ticks = 0;

	attach(fd, flavour, count, BASE, true);
	for (i = 0; i < spots; i++)
		ticks += munmap_at((char *)BASE + i * stride);
	print(name, ".munmap", count, ticks, spots, ioctl(fd, BENCH_CALLS));
	detach(fd);
}

int main(int argc, char **argv)
{
	static const unsigned long counts[] = { 0, 1, 33 };
	unsigned long i, j;

	if (argc != 2)
		errx(1, "usage: measure DEVICE");
	device = argv[1];
	for (i = 0; i < ARRAY_SIZE(flavours); i++)
		for (j = 0; j < ARRAY_SIZE(counts); j++)
			in_child(events, flavours[i].name, flavours[i].flavour, counts[j]);
	for (i = 1; i <= 1024; i *= 2)
		in_child(events, "paired.munmap", BENCH_PAIRED, i);
	for (i = 1; i <= 100000; i *= 10) {
		in_child(many_intervals, "interval", BENCH_MUTEX, i);
		in_child(registrations, "interval", BENCH_MUTEX, i);
		in_child(registrations, "shared", BENCH_SHARED, i);
	}
	return 0;
}
