/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A text of limited length that is put together piece by piece.
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

#endif /* MNCK_SELFTEST_TEXT_H */
