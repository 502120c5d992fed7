// SPDX-License-Identifier: GPL-2.0

//! A driver that holds the mmap lock must not call `Registration::new()`, which takes it, but
//! `new_locked()`.

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
    let guard = MmapWriteGuard::lock(user, task)?;
    //+ let registration = Registration::new_locked(&guard, subscriber);
    let registration = Registration::new(user, subscriber, task); //~ E0499

    drop(guard);
    registration
}
