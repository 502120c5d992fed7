// SPDX-License-Identifier: GPL-2.0

//! A callback must not register an interval subscriber: that waits for locks that the task may
//! already hold around the callback.

use kernel::{
    mm::MmWithUser,
    prelude::*, //
};
use mnck::mmu_notifier::*;

fn callback<F: IntervalFlavour>(
    user: &MmWithUser,
    subscriber: F::Subscriber,
    lock: impl PinInit<<F::Subscriber as IntervalSubscriber>::UserLock>,
    context: &MaySleep<'_>,
    task: &mut TaskContext,
) -> Result<IntervalRegistration<F>> {
    //+ IntervalRegistration::new(user, 0..4096, subscriber, lock, task)
    IntervalRegistration::new(user, 0..4096, subscriber, lock, context) //~ E0308
}
