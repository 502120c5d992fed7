// SPDX-License-Identifier: GPL-2.0

//! A driver must not fault pages in while it holds the mmap lock: the fault takes that lock.

use kernel::{
    mm::MmWithUser,
    prelude::*, //
};
use mnck::mmu_notifier::*;

fn read<T: IntervalSubscriber>(
    section: ReadSection<'_, T>,
    user: &MmWithUser,
    pages: &mut PageBuffer,
    task: &mut TaskContext,
) -> Result {
    let guard = MmapWriteGuard::lock(user, task)?;
    //+
    drop(section.fault_in(user, 0..4096, false, pages, task)?); //~ E0499

    drop(guard);
    Ok(())
}
