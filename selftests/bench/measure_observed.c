// SPDX-License-Identifier: GPL-2.0
/*
 * Measures how many instructions a munmap takes with drivers of notifier_mistakes that make no
 * mistake (see measure.h), while they are observed:
 *
 *	measure_observed			not at all
 *	measure_observed MODULE PARAMETERS	by a module, which is inserted for that time
 *	measure_observed kprobe FUNCTION...	by BPF programs on these functions (see bpf.h)
 *	measure_observed fentry FUNCTION...
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "bpf.h"
#include "measure.h"

#define DEVICE "/dev/notifier_mistakes"

static const struct {
	const char *name;
	const char *line;
} drivers[] = {
	{ "pair", "clean" },
	/* The page at BASE. */
	{ "interval", "clean_interval 0x1000000000 0x1000" },
};

/* Returns how often the callbacks of all subscriptions were called. */
static long calls(int fd)
{
	char text[4096], *line = text;
	ssize_t size = pread(fd, text, sizeof(text) - 1, 0);
	long sum = 0;

	if (size < 0)
		err(1, "%s", DEVICE);
	text[size] = '\0';
	while (*line) {
		long begun, ended;

		if (sscanf(line, "%*s %ld %ld", &begun, &ended) != 2)
			errx(1, "%s: %s", DEVICE, line);
		sum += begun + ended;
		line = strchr(line, '\n') + 1;
	}
	return sum;
}

/* Opens the device, and subscribes as often as @line says to the caller's address space. */
static int subscribe(const char *line, unsigned long count)
{
	int fd = open(DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		err(1, "%s", DEVICE);
	for (unsigned long i = 0; i < count; i++) {
		if (write(fd, line, strlen(line)) < 0)
			err(1, "%s: %s", DEVICE, line);
	}
	return fd;
}

/* Measures a munmap with @count subscriptions of a driver. */
static void munmaps(const char *name, unsigned int kind, unsigned long count)
{
	int fd = subscribe(drivers[kind].line, count);
	long before = calls(fd);
	__u64 ticks = munmap_at((char *)BASE);

	print(name, "", count, ticks, 1, calls(fd) - before);
}

static void insert(const char *path, const char *parameters)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || syscall(SYS_finit_module, fd, parameters, 0))
		err(1, "%s", path);
	close(fd);
}

static void remove_module(const char *path)
{
	char name[64];

	if (sscanf(path, "/lib/%63[^.]", name) != 1 || syscall(SYS_delete_module, name, 0))
		err(1, "rmmod of %s", path);
}

static void measure(void)
{
	static const unsigned long counts[] = { 0, 1, 9 };

	for (unsigned int i = 0; i < ARRAY_SIZE(counts); i++)
		for (unsigned int j = 0; j < ARRAY_SIZE(drivers); j++)
			in_child(munmaps, drivers[j].name, j, counts[i]);
}

/* Measures while the calls and the returns of each function are counted by BPF programs. */
static void measure_counted(bool by_kprobe, char **functions)
{
	int map = bpf_counters();
	__u32 key = 0;

	for (; *functions; functions++) {
		for (int returns = 0; returns < 2; returns++, key++) {
			if (by_kprobe)
				bpf_kprobe(map, key, *functions, returns);
			else
				bpf_tracing(map, key, *functions, returns);
		}
	}
	measure();
	bpf_check_counters(map, key);
}

int main(int argc, char **argv)
{
	bool by_kprobe = argc > 1 && !strcmp(argv[1], "kprobe");

	/* An observer finds the callbacks of those that are subscribed when it begins. */
	for (unsigned int i = 0; i < ARRAY_SIZE(drivers); i++)
		subscribe(drivers[i].line, 1);
	if (argc < 3) {
		measure();
	} else if (by_kprobe || !strcmp(argv[1], "fentry")) {
		measure_counted(by_kprobe, argv + 2);
	} else {
		insert(argv[1], argv[2]);
		measure();
		remove_module(argv[1]);
	}
	return 0;
}
