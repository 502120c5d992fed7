/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The functions of mm that begin ranges, for RANGE().  A compiler may inline a function
 * that is static, or whose callers are in the same file: the functions that it may be
 * inlined into follow it.  A test accepts any of them; make coverage finds out which
 * one it was.
 */
#ifndef MNCK_SELFTEST_INITIATORS_H
#define MNCK_SELFTEST_INITIATORS_H

/* mm/memory.c */
#define BY_UNMAP "unmap_vmas"
#define BY_ZAP                                                                    \
	"zap_vma_range_batched zap_vma_range unmap_mapping_range_vma unmap_mapping_range_tree " \
	"unmap_mapping_pages"
#define BY_REAP "zap_vma_for_reaping"
#define BY_FORK "copy_page_range"
#define BY_COPY "wp_page_copy do_wp_page handle_pte_fault __handle_mm_fault handle_mm_fault"

/* mm/mmap.c */
#define BY_EXIT "exit_mmap"

/* mm/madvise.c */
#define BY_FREE "madvise_free_single_vma madvise_dontneed_free madvise_vma_behavior"

/* mm/mprotect.c */
#define BY_PROTECT "change_pud_range change_p4d_range change_protection_range change_protection"

/* mm/rmap.c */
#define BY_UNMAP_PAGE "try_to_unmap_one"
#define BY_MIGRATE_PAGE "try_to_migrate_one"

/* mm/huge_memory.c */
#define BY_SPLIT                                                                  \
	"__split_huge_pmd do_huge_pmd_wp_page split_huge_pmd_address split_huge_pmd_if_needed " \
	"vma_adjust_trans_huge"

/* mm/hugetlb.c */
#define BY_HUGETLB_UNMAP "unmap_hugepage_range"
#define BY_HUGETLB_PROTECT "hugetlb_change_protection"

/* fs/proc/task_mmu.c */
#define BY_SCAN "do_pagemap_scan do_pagemap_cmd"

#endif /* MNCK_SELFTEST_INITIATORS_H */
