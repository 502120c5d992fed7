// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

#include "text.h"

void text_add(struct text *t, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(t->text + t->len, sizeof(t->text) - t->len, fmt, args);
	va_end(args);
	if (n > 0 && t->len + n < sizeof(t->text))
		t->len += n;
}

size_t symbol_len(const char *symbol)
{
	size_t len = 0;

	while (isalnum((unsigned char)symbol[len]) || symbol[len] == '_')
		len++;
	return len;
}
