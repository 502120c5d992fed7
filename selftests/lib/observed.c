// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kselftest.h"
#include "observed.h"

#define NOT_PROBED "not probed"

bool probed(const char *function, struct probed *row)
{
	const char *line = table_row("drivers", function);
	int end = 0;

	if (!line)
		return false;
	line += strlen(function);
	line += strspn(line, " ");
	/* The name of the module, if there is one, is in brackets. */
	if (*line == '[')
		line += strcspn(line, " ");
	if (sscanf(line, "%31s %n", row->callback, &end) != 1)
		return false;
	line += end;
	/* The only state of two words. */
	if (!strncmp(line, NOT_PROBED, strlen(NOT_PROBED)))
		snprintf(row->state, sizeof(row->state), NOT_PROBED);
	else if (sscanf(line, "%15s", row->state) != 1)
		return false;
	return sscanf(line + strlen(row->state), "%ld %ld %ld %ld", &row->calls, &row->refused,
		      &row->max_us, &row->missed) == 4;
}

long probed_calls(const char *function)
{
	struct probed row;

	return probed(function, &row) ? row.calls : -1;
}

long broken(const char *rule, const char *function)
{
	char words[128];
	const char *line;

	snprintf(words, sizeof(words), "%s %s:", rule, function);
	line = table_row("violations", words);
	return line ? atol(line + strlen(words)) : 0;
}

const char *first_broken(const char *rule, const char *function)
{
	char words[128];

	snprintf(words, sizeof(words), "  first %s: %s:", rule, function);
	return table_row("violations", words);
}

bool is_accused(const char *words)
{
	return table_has("violations", words);
}

void announce_broken(const char *rule, const char *function)
{
	ksft_print_msg("mnck-expect: WARN mnck: %s: %s:\n", rule, function);
}
