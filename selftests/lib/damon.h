/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DAMON, by its files in sysfs: see Documentation/admin-guide/mm/damon/usage.rst.
 */
#ifndef MNCK_SELFTEST_DAMON_H
#define MNCK_SELFTEST_DAMON_H

#include <stdio.h>
#include <unistd.h>

#include "file.h"
#include "kselftest.h"

#define DAMON_NEEDS "can't write %s: CONFIG_DAMON_VADDR, CONFIG_DAMON_SYSFS?"

/* One kdamond, which looks at one page of the test's and no other. */
#define KDAMONDS "/sys/kernel/mm/damon/admin/kdamonds/"
#define DAMON_CONTEXT KDAMONDS "0/contexts/0/"

static inline int damon_write(const char *path, unsigned long value)
{
	char text[32];

	snprintf(text, sizeof(text), "%lu", value);
	return file_write(path, text);
}

/* What is wrong, or NULL. */
static inline const char *damon_start(const char *page, size_t len)
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

	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		/* Of addresses as they are, which no search for hot ones changes. */
		if (i == 2 && file_write(DAMON_CONTEXT "operations", "fvaddr"))
			return DAMON_CONTEXT "operations";
		if (damon_write(settings[i].path, settings[i].value))
			return settings[i].path;
	}
	return file_write(KDAMONDS "0/state", "on") ? KDAMONDS "0/state" : NULL;
}

static inline void damon_stop(void)
{
	file_write(KDAMONDS "0/state", "off");
	file_write(KDAMONDS "nr_kdamonds", "0");
}

#endif /* MNCK_SELFTEST_DAMON_H */
