/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared memory and mapped files of the calling process, and what its page tables map.
 *
 * Functions that return int return 0, or -1 and errno, unless they say otherwise.
 */
#ifndef MNCK_SELFTEST_MAPPING_H
#define MNCK_SELFTEST_MAPPING_H

#include <stddef.h>
#include <sys/types.h>

/* Maps shared anonymous memory at @start, and writes 0x5a to all of it. */
int map_shared(void *start, size_t len);

/* Maps a file from its beginning, to read and write; @flags: MAP_SHARED or MAP_PRIVATE. */
int map_file(void *start, size_t len, int flags, int fd);

/* Maps all of a new file of tmpfs, shared.  Returns its descriptor, or -1. */
int map_memfd(void *start, size_t len);

/* Removes a part of a file, whose length stays the same. */
int punch_hole(int fd, off_t offset, off_t len);

/* Returns what a PMD entry covers: a page table, or a huge page. */
size_t pmd_size(void);

/* Returns what a PUD entry covers. */
size_t pud_size(void);

#endif /* MNCK_SELFTEST_MAPPING_H */
