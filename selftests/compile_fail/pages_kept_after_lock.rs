// SPDX-License-Identifier: GPL-2.0

//! A driver must not use the pages that it has faulted in after it has released the user lock: they
//! may be stale again.

use kernel::{
    mm::MmWithUser,
    prelude::*, //
};
use mnck::mmu_notifier::*;

fn read<T: IntervalSubscriber<UserLock: UserLock<Shadow: Unpin>>>(
    section: ReadSection<'_, T>,
    user: &MmWithUser,
    pages: &mut PageBuffer,
    task: &mut TaskContext,
) -> Result<usize> {
    let faulted = section.fault_in(user, 0..4096, false, pages, task)?;
    let mut found = faulted.lock(task).map_err(|_| EAGAIN)?;
    let (_shadow, entries) = found.parts();

    //+
    drop(found); //~ E0505
    Ok(entries.len())
}
