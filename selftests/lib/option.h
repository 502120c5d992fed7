/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which options the kernel was built with, for REQUIRE_OPTION().  Each function looks for
 * something that only its option provides, since not every kernel has /proc/config.gz.
 *
 * A test must ask before it changes anything: no teardown follows a setup that skips.
 */
#ifndef MNCK_SELFTEST_OPTION_H
#define MNCK_SELFTEST_OPTION_H

#include <stdbool.h>

bool has_compaction(void);		/* COMPACTION */
bool has_damon(void);			/* DAMON_SYSFS */
bool has_event_tracing(void);		/* EVENT_TRACING; mounts tracefs */
bool has_fail_nth(void);		/* FAULT_INJECTION */
bool has_fail_debugfs(void);		/* FAULT_INJECTION_DEBUG_FS; needs debugfs */
bool has_failslab(void);		/* FAILSLAB; needs debugfs */
bool has_fail_page_alloc(void);		/* FAIL_PAGE_ALLOC; needs debugfs */
bool has_hugetlb(void);			/* HUGETLBFS */
bool has_idle_page_tracking(void);	/* IDLE_PAGE_TRACKING */
bool has_kmemleak(void);		/* DEBUG_KMEMLEAK; needs debugfs */
bool has_ksm(void);			/* KSM */
bool has_lockdep(void);			/* PROVE_LOCKING */
bool has_lru_gen(void);			/* LRU_GEN */
bool has_memcg(void);			/* MEMCG; needs cgroup2 at /sys/fs/cgroup */
bool has_memfd(void);			/* MEMFD_CREATE */
bool has_memory_failure(void);		/* MEMORY_FAILURE */
bool has_pagemap(void);			/* PROC_PAGE_MONITOR */
bool has_ram_disk(void);		/* BLK_DEV_RAM; may be a module */
bool has_second_ram_disk(void);		/* BLK_DEV_RAM_COUNT=2 */
bool has_slabinfo(void);		/* SLUB_DEBUG */
bool has_swap(void);			/* SWAP */
bool has_thp(void);			/* TRANSPARENT_HUGEPAGE */
bool has_uprobe_events(void);		/* UPROBE_EVENTS; mounts tracefs */
bool has_user_ns(void);			/* USER_NS */
bool has_userfaultfd(void);		/* USERFAULTFD */
bool has_uffd_wp_markers(void);		/* PTE_MARKER_UFFD_WP */

/* These add no file: looks for their symbols in /proc/kallsyms. */
bool has_debug_atomic_sleep(void);	/* DEBUG_ATOMIC_SLEEP */
bool has_fprobe(void);			/* FPROBE */

#endif /* MNCK_SELFTEST_OPTION_H */
