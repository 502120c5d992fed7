// SPDX-License-Identifier: GPL-2.0
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "damon.h"
#include "file.h"
#include "kselftest.h"

#define KDAMONDS "/sys/kernel/mm/damon/admin/kdamonds/"
#define DAMON_CONTEXT KDAMONDS "0/contexts/0/"
#define STAT_ENABLED "/sys/module/damon_stat/parameters/enabled"

static int damon_write(const char *path, unsigned long value)
{
	char text[32];

	snprintf(text, sizeof(text), "%lu", value);
	return file_write(path, text);
}

/* Whether damon_start() has stopped DAMON_STAT. */
static bool stat_stopped;

static void stop_stat(void)
{
	char enabled[4];

	file_read(enabled, sizeof(enabled), STAT_ENABLED);
	stat_stopped = enabled[0] == 'Y' && !file_write(STAT_ENABLED, "N");
}

const char *damon_start(const char *page, size_t len)
{
	const struct {
		const char *path;
		unsigned long value;
	} settings[] = {
		{ KDAMONDS "nr_kdamonds", 1 },
		{ KDAMONDS "0/contexts/nr_contexts", 1 },
		{ DAMON_CONTEXT "targets/nr_targets", 1 },
		{ DAMON_CONTEXT "targets/0/pid_target", getpid() },
		{ DAMON_CONTEXT "targets/0/regions/nr_regions", 1 },
		{ DAMON_CONTEXT "targets/0/regions/0/start", (unsigned long)page },
		{ DAMON_CONTEXT "targets/0/regions/0/end", (unsigned long)page + len },
		{ DAMON_CONTEXT "monitoring_attrs/intervals/sample_us", 20000 },
		{ DAMON_CONTEXT "monitoring_attrs/intervals/aggr_us", 100000 },
	};

	stop_stat();
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		/* Fixed virtual addresses: DAMON does not adapt the regions to the VMAs. */
		if (i == 2 && file_write(DAMON_CONTEXT "operations", "fvaddr"))
			return DAMON_CONTEXT "operations";
		if (damon_write(settings[i].path, settings[i].value))
			return settings[i].path;
	}
	return file_write(KDAMONDS "0/state", "on") ? KDAMONDS "0/state" : NULL;
}

void damon_stop(void)
{
	file_write(KDAMONDS "0/state", "off");
	file_write(KDAMONDS "nr_kdamonds", "0");
	if (stat_stopped)
		file_write(STAT_ENABLED, "Y");
	stat_stopped = false;
}
