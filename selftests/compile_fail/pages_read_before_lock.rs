// SPDX-License-Identifier: GPL-2.0

//! What was faulted in may be stale until the lock is held: the check for a retry is not skipped.

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
