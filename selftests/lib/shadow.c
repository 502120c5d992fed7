// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <unistd.h>

#include "interval.h"
#include "pages.h"
#include "shadow.h"
#include "text.h"

__u64 mirrored(__u64 pagemap_entry, bool writable)
{
	if (!(pagemap_entry & PAGEMAP_PRESENT))
		return 0;
	return (pagemap_entry & PAGEMAP_PFN) << 2 | MNCK_PAGE_PRESENT |
	       (writable ? MNCK_PAGE_WRITABLE : 0);
}

const char *shadow_differs(const struct subscriber *sub, int pagemap, const char *start,
			   unsigned int pages, unsigned long present, unsigned long writable)
{
	__u64 table[64], shadow[64], want;
	size_t page = getpagesize();
	static struct text t;

	t = (struct text){};
	if (mirror_read(sub, start, pages * page, shadow) ||
	    pagemap_read(pagemap, start, pages * page, table)) {
		text_add(&t, "errno %d", errno);
		return t.text;
	}
	for (unsigned int i = 0; i < pages; i++) {
		want = present >> i & 1 ? mirrored(table[i], writable >> i & 1) : 0;
		if (present >> i & 1 && !want)
			text_add(&t, "page %u is not present; ", i);
		if (shadow[i] != want)
			text_add(&t, "page %u is %#llx, wanted %#llx; ", i, shadow[i], want);
	}
	return t.text;
}
