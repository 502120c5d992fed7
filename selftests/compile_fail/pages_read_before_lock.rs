// SPDX-License-Identifier: GPL-2.0

//! A driver must not use the pages that it has faulted in before it has taken the user lock, which
//! checks for a collision: they may be stale.

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
) -> Result {
    let faulted = section.fault_in(user, 0..4096, false, pages, task)?;

    //+ let mut found = faulted.lock(task).map_err(|_| EAGAIN)?;
    let mut found = faulted;
    let (_shadow, _entries) = found.parts(); //~ E0599
    Ok(())
}
