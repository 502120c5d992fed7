/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory that the process shares with a device: changes of it, and what it holds.  Each
 * page has a value in its first word.
 *
 * Functions that return int return 0, or -1 and errno, unless they say otherwise.
 */
#ifndef MNCK_SELFTEST_PEER_H
#define MNCK_SELFTEST_PEER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <linux/types.h>

/* Writes @value to each page. */
void give_value(char *start, size_t len, __u32 value);

/* Returns whether each page begins with @value. */
bool begin_with(const char *start, size_t len, __u32 value);

/* Returns whether each page begins with @value or a greater one. */
bool begin_with_at_least(const char *start, size_t len, __u32 value);

/* Returns the first word of a page of another process, or all ones. */
__u32 word_of(pid_t pid, char *page);

/*
 * Maps other memory, which gets the pages that were freed a moment ago: else they might come
 * back to where they were, and a device that still uses them would not be found out.
 */
int take_freed_pages(size_t len);

/* Returns whether that memory is as it was. */
bool freed_pages_unused(size_t len);

/* Maps new memory with MAP_FIXED: in the place of old memory, if there is any. */
int map_again(char *start, size_t len);

/*
 * A call of MADV_DONTNEED in another thread, which may wait for a lock that the test holds.
 * It begins when the test has set @go.  Starting the thread changes the mm too, so the test
 * starts the thread before it takes the lock.
 */
struct give_up {
	char *start;
	size_t len;
	atomic_bool go;
	pthread_t thread;
	int failed;
};

int give_up_begin(struct give_up *call);

/* Waits for the call.  Returns what madvise() has returned. */
int give_up_end(struct give_up *call);

#endif /* MNCK_SELFTEST_PEER_H */
