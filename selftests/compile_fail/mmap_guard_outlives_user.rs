// SPDX-License-Identifier: GPL-2.0

//! A guard of the mmap lock must not outlive its reference to the address space: the lock is in it.

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
