// SPDX-License-Identifier: GPL-2.0

//! A driver must not fault in pages of an address space that may be gone.

use kernel::{
    mm::Mm,
    mm::MmWithUser,
    prelude::*, //
};
use mnck::mmu_notifier::*;

fn read<T: IntervalSubscriber>(
    section: ReadSection<'_, T>,
    mm: &Mm,
    user: &MmWithUser,
    pages: &mut PageBuffer,
    task: &mut TaskContext,
) -> Result {
    //+ drop(section.fault_in(user, 0..4096, false, pages, task)?);
    drop(section.fault_in(mm, 0..4096, false, pages, task)?); //~ E0308
    Ok(())
}
