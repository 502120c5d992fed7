/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The shadow page table of a mirror, compared with the page table of the process.
 */
#ifndef MNCK_SELFTEST_SHADOW_H
#define MNCK_SELFTEST_SHADOW_H

#include <stdbool.h>

#include "device.h"
#include "interval.h"
#include "pages.h"

/* Returns the entry that a mirror has just faulted in; 0 if the page is not present. */
__u64 mirrored(__u64 pagemap_entry, bool writable);

/*
 * Compares the first @pages pages of a mirror at @start with the page table: the shadow
 * must have the pages in @present, those in @writable as writable, and no other page.
 * Returns "", or what differs.
 */
const char *shadow_differs(const struct subscriber *sub, int pagemap, const char *start,
			   unsigned int pages, unsigned long present, unsigned long writable);

#endif /* MNCK_SELFTEST_SHADOW_H */
