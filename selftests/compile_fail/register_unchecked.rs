// SPDX-License-Identifier: GPL-2.0

//! A registration that may have failed must be checked before it is unregistered.

use kernel::{
    mm::MmWithUser,
    prelude::*, //
};
use mnck::mmu_notifier::*;

fn register<F: Flavour>(
    user: &MmWithUser,
    subscriber: F::Subscriber,
    task: &mut TaskContext,
) -> Result {
    //+ let registration = Registration::<F>::new(user, subscriber, task)?;
    let registration = Registration::<F>::new(user, subscriber, task);

    registration.unregister(task); //~ E0599
    Ok(())
}
