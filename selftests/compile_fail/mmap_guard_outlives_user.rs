// SPDX-License-Identifier: GPL-2.0

//! The lock is in the address space.

use kernel::{
    mm::MmWithUser,
    prelude::*,
    sync::aref::ARef, //
};
use mnck::mmu_notifier::*;

fn ioctl(user: ARef<MmWithUser>, task: &mut TaskContext) -> Result {
    let guard = MmapWriteGuard::lock(&user, task)?;

    //+
    drop(user); //~ E0505
    drop(guard);
    Ok(())
}
