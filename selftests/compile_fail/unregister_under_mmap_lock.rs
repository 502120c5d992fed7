// SPDX-License-Identifier: GPL-2.0

//! A driver that holds the mmap lock must not unregister a subscriber: that waits for callbacks,
//! which are called under the mmap lock.

use kernel::{
    mm::MmWithUser,
    prelude::*, //
};
use mnck::mmu_notifier::*;

fn detach<F: Flavour>(
    registration: Registration<F>,
    user: &MmWithUser,
    task: &mut TaskContext,
) -> Result {
    let guard = MmapWriteGuard::lock(user, task)?;
    //+
    registration.unregister(task); //~ E0499

    drop(guard);
    Ok(())
}
