/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Texts: one of limited length that is put together piece by piece, and symbols.
 */
#ifndef MNCK_SELFTEST_TEXT_H
#define MNCK_SELFTEST_TEXT_H

#include <stddef.h>

#include "kselftest.h"

struct text {
	char text[512];
	size_t len;
};

/* Appends a formatted piece; drops it if it does not fit. */
__printf(2, 3)
void text_add(struct text *t, const char *fmt, ...);

/*
 * Returns the length of the function's name at the beginning of a symbol, which an
 * offset (+0x1/0x2) or a suffix of GCC (.isra.0, .constprop.0, .part.0, .cold) may
 * follow.
 */
size_t symbol_len(const char *symbol);

#endif /* MNCK_SELFTEST_TEXT_H */
