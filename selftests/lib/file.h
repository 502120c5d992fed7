/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Small files of the kernel, in /proc, sysfs, debugfs or a cgroup.
 */
#ifndef MNCK_SELFTEST_FILE_H
#define MNCK_SELFTEST_FILE_H

#include <stddef.h>

#include <linux/types.h>

/* Reads all of a small file; @buf is "" if it can't be read. */
void file_read(char *buf, size_t size, const char *path);

/* Writes a line, in one write().  Returns 0, or -1 and errno. */
int file_write(const char *path, const char *line);

/* Returns word @index of a file of 64-bit words, or 0 if it can't be read. */
__u64 file_word(const char *path, __u64 index);

#endif /* MNCK_SELFTEST_FILE_H */
