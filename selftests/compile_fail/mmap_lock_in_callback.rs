// SPDX-License-Identifier: GPL-2.0

//! The mmap lock is held around callbacks.

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
