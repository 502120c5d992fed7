// SPDX-License-Identifier: GPL-2.0

//! A callback must not register a subscriber: that waits for a lock that the task may already hold
//! around the callback.

use kernel::{
    mm::MmWithUser,
    prelude::*, //
};
use mnck::mmu_notifier::*;

fn callback<F: Flavour>(
    user: &MmWithUser,
    subscriber: F::Subscriber,
    context: &MaySleep<'_>,
    task: &mut TaskContext,
) -> Result<Registration<F>> {
    //+ Registration::new(user, subscriber, task)
    Registration::new(user, subscriber, context) //~ E0308
}
