// SPDX-License-Identifier: GPL-2.0

//! An interval registration must be given its user lock: the first callback, which takes it, may
//! come before the registration returns.

use kernel::{
    mm::MmWithUser,
    prelude::*, //
};
use mnck::mmu_notifier::*;

fn register<F: IntervalFlavour>(
    user: &MmWithUser,
    subscriber: F::Subscriber,
    lock: impl PinInit<<F::Subscriber as IntervalSubscriber>::UserLock>,
    task: &mut TaskContext,
) -> Result<IntervalRegistration<F>> {
    //+ IntervalRegistration::new(user, 0..4096, subscriber, lock, task)
    IntervalRegistration::new(user, 0..4096, subscriber, task) //~ E0061 //~ E0271
}
