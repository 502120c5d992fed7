/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Files of the kernel that hold a line, or words.
 */
#ifndef MNCK_SELFTEST_FILE_H
#define MNCK_SELFTEST_FILE_H

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

/* Writes a line to a file of sysfs, debugfs or a cgroup. */
static inline int file_write(const char *path, const char *line)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, line, strlen(line));

	if (fd >= 0)
		close(fd);
	return n == (ssize_t)strlen(line) ? 0 : -1;
}

/* The @index'th word of a file of words of 64 bits, or 0. */
static inline __u64 file_word(const char *path, __u64 index)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	__u64 word = 0;

	if (fd >= 0) {
		if (pread(fd, &word, sizeof(word), index * sizeof(word)) != sizeof(word))
			word = 0;
		close(fd);
	}
	return word;
}

#endif /* MNCK_SELFTEST_FILE_H */
