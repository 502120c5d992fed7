/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Swap space on a RAM disk.
 */
#ifndef MNCK_SELFTEST_SWAP_H
#define MNCK_SELFTEST_SWAP_H

#include <sys/swap.h>

#define SWAP_DEVICE "/dev/ram0"

/* Writes the header of an empty swap space, as mkswap does.  Returns 0, or -1 and errno. */
int swap_make(const char *path);

#endif /* MNCK_SELFTEST_SWAP_H */
