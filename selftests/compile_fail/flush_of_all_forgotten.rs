// SPDX-License-Identifier: GPL-2.0

//! A match on a flush must cover a flush of the whole address space. C marks that one by an end of
//! ULONG_MAX, which is easily overlooked.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn pages(flush: Flush) -> usize {
    match flush {
        //+ Flush::All => usize::MAX,
        //~^^ E0004
        Flush::Range(range) => range.len() / kernel::page::PAGE_SIZE,
    }
}
