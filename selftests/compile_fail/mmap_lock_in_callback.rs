// SPDX-License-Identifier: GPL-2.0

//! A callback must not take the mmap lock: the task may already hold it around the callback.

use kernel::{
    mm::MmWithUser,
    prelude::*, //
};
use mnck::mmu_notifier::*;

fn callback(user: &MmWithUser, context: &MaySleep<'_>, task: &mut TaskContext) -> Result {
    //+ let guard = MmapWriteGuard::lock(user, task)?;
    let guard = MmapWriteGuard::lock(user, context)?; //~ E0308
    Ok(())
}
