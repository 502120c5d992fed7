// SPDX-License-Identifier: GPL-2.0

//! A driver must not fault pages in while it holds the user lock: the fault waits for
//! invalidations, and these wait for the lock.

use kernel::{
    mm::MmWithUser,
    prelude::*, //
};
use mnck::mmu_notifier::*;

fn install<T: IntervalSubscriber>(
    section: ReadSection<'_, T>,
    another: ReadSection<'_, T>,
    user: &MmWithUser,
    pages: &mut PageBuffer,
    task: &mut TaskContext,
) -> Result {
    let valid = section.lock(task).map_err(|_| EAGAIN)?;
    //+
    drop(another.fault_in(user, 0..4096, false, pages, task)?); //~ E0499

    drop(valid);
    Ok(())
}
