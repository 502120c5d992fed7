// SPDX-License-Identifier: GPL-2.0

//! A driver must hold the mmap lock when it calls `Registration::new_locked()`.

use kernel::{
    mm::MmWithUser,
    prelude::*, //
};
use mnck::mmu_notifier::*;

fn register<F: Flavour>(
    user: &MmWithUser,
    subscriber: F::Subscriber,
    task: &mut TaskContext,
) -> Result<Registration<F>> {
    //+ Registration::new_locked(&MmapWriteGuard::lock(user, task)?, subscriber)
    Registration::new_locked(user, subscriber) //~ E0308
}
