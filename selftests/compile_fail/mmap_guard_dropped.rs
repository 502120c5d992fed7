// SPDX-License-Identifier: GPL-2.0

//! A guard of the mmap lock must not be dropped at once: the lock would be free again.

use kernel::{
    mm::MmWithUser,
    prelude::*, //
};
use mnck::mmu_notifier::*;

fn ioctl(user: &MmWithUser, task: &mut TaskContext) -> Result {
    //+ let guard = MmapWriteGuard::lock(user, task)?;
    MmapWriteGuard::lock(user, task)?; //~ unused_must_use
    Ok(())
}
