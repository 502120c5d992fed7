// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory.h"
#include "peer.h"

void give_value(char *start, size_t len, __u32 value)
{
	for (size_t at = 0; at < len; at += getpagesize())
		*(volatile __u32 *)(start + at) = value;
}

bool begin_with(const char *start, size_t len, __u32 value)
{
	for (size_t at = 0; at < len; at += getpagesize())
		if (*(volatile const __u32 *)(start + at) != value)
			return false;
	return true;
}

bool begin_with_at_least(const char *start, size_t len, __u32 value)
{
	for (size_t at = 0; at < len; at += getpagesize())
		if (*(volatile const __u32 *)(start + at) < value)
			return false;
	return true;
}

__u32 word_of(pid_t pid, char *page)
{
	char path[32];
	__u32 word;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = pread(fd, &word, sizeof(word), (off_t)page);
	close(fd);
	return n == sizeof(word) ? word : (__u32)-1;
}

/* Apart from all other memory of a test. */
#define OTHER_MEMORY ((char *)0x600000000UL)
#define OTHER_VALUE 0x0badcafeU

/* More than were freed: the pages of some other CPU may come first. */
#define OTHER_LEN(_len) (4 * (_len))

int take_freed_pages(size_t len)
{
	if (map_untouched(OTHER_MEMORY, OTHER_LEN(len)))
		return -1;
	give_value(OTHER_MEMORY, OTHER_LEN(len), OTHER_VALUE);
	return 0;
}

bool freed_pages_unused(size_t len)
{
	return begin_with(OTHER_MEMORY, OTHER_LEN(len), OTHER_VALUE);
}

int map_again(char *start, size_t len)
{
	return mmap(start, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		    -1, 0) == start ? 0 : -1;
}

static void *give_up(void *argument)
{
	struct give_up *call = argument;

	while (!call->go)
		usleep(500);
	call->failed = madvise(call->start, call->len, MADV_DONTNEED);
	return NULL;
}

int give_up_begin(struct give_up *call)
{
	return pthread_create(&call->thread, NULL, give_up, call) ? -1 : 0;
}

int give_up_end(struct give_up *call)
{
	return pthread_join(call->thread, NULL) ? -1 : call->failed;
}
