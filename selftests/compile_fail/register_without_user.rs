// SPDX-License-Identifier: GPL-2.0

//! A driver must not register with an address space that may be gone: it needs a reference to its
//! user.

use kernel::{
    mm::Mm,
    mm::MmWithUser,
    prelude::*, //
};
use mnck::mmu_notifier::*;

fn register<F: Flavour>(
    mm: &Mm,
    user: &MmWithUser,
    subscriber: F::Subscriber,
    task: &mut TaskContext,
) -> Result<Registration<F>> {
    //+ Registration::new(user, subscriber, task)
    Registration::new(mm, subscriber, task) //~ E0308
}
