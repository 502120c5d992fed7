// SPDX-License-Identifier: GPL-2.0

//! A flush may be of all, for which C has a special address that is easily missed.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn pages(flush: Flush) -> usize {
    match flush {
        //+ Flush::All => usize::MAX,
        //~^^ E0004
        Flush::Range(range) => range.len() / kernel::page::PAGE_SIZE,
    }
}
