// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "file.h"
#include "huge.h"
#include "hugetlb.h"
#include "option.h"
#include "swap.h"
#include "tracefs.h"
#include "uffd.h"

static bool exists(const char *path)
{
	return !access(path, F_OK);
}

bool has_compaction(void)
{
	return exists("/proc/sys/vm/compact_memory");
}

bool has_damon(void)
{
	return exists("/sys/kernel/mm/damon/admin");
}

bool has_event_tracing(void)
{
	return !tracefs_mount() && exists(TRACEFS "/events");
}

bool has_fail_nth(void)
{
	return exists("/proc/thread-self/fail-nth");
}

bool has_fail_debugfs(void)
{
	return exists("/sys/kernel/debug/fail_page_alloc") || exists("/sys/kernel/debug/failslab");
}

bool has_failslab(void)
{
	return exists("/sys/kernel/debug/failslab");
}

bool has_fail_page_alloc(void)
{
	return exists("/sys/kernel/debug/fail_page_alloc");
}

bool has_hugetlb(void)
{
	return exists(HUGETLB_PAGES);
}

bool has_idle_page_tracking(void)
{
	return exists("/sys/kernel/mm/page_idle");
}

bool has_kmemleak(void)
{
	return exists("/sys/kernel/debug/kmemleak");
}

bool has_ksm(void)
{
	return exists("/sys/kernel/mm/ksm");
}

bool has_lockdep(void)
{
	/* Unlike lockdep_stats, only PROVE_LOCKING has it. */
	return exists("/proc/lockdep_chains");
}

bool has_lru_gen(void)
{
	return exists("/sys/kernel/mm/lru_gen");
}

bool has_memcg(void)
{
	char controllers[256];

	file_read(controllers, sizeof(controllers), "/sys/fs/cgroup/cgroup.controllers");
	return strstr(controllers, "memory");
}

bool has_memfd(void)
{
	int fd = memfd_create("", MFD_CLOEXEC);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

bool has_memory_failure(void)
{
	return exists("/proc/sys/vm/memory_failure_recovery");
}

bool has_pagemap(void)
{
	return exists("/proc/self/pagemap");
}

bool has_ram_disk(void)
{
	return exists(SWAP_DEVICE);
}

bool has_second_ram_disk(void)
{
	return exists("/dev/ram1");
}

bool has_slabinfo(void)
{
	return exists("/proc/slabinfo");
}

bool has_swap(void)
{
	return exists("/proc/swaps");
}

bool has_thp(void)
{
	return exists(THP);
}

bool has_uprobe_events(void)
{
	return !tracefs_mount() && exists(TRACEFS "/uprobe_events");
}

static bool uffd_has(__u64 features)
{
	int fd = uffd_open(features);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

bool has_user_ns(void)
{
	return exists("/proc/self/ns/user");
}

bool has_userfaultfd(void)
{
	return uffd_has(0);
}

bool has_uffd_wp_markers(void)
{
	return uffd_has(UFFD_FEATURE_WP_UNPOPULATED);
}

static bool has_symbol(const char *name)
{
	FILE *symbols = fopen("/proc/kallsyms", "re");
	bool found = false;
	char line[512], end[64];

	snprintf(end, sizeof(end), " %s\n", name);
	while (symbols && !found && fgets(line, sizeof(line), symbols))
		found = strstr(line, end);
	if (symbols)
		fclose(symbols);
	return found;
}

bool has_debug_atomic_sleep(void)
{
	return has_symbol("__might_sleep");
}

bool has_fprobe(void)
{
	return has_symbol("register_fprobe_ips");
}
