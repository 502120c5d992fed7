// SPDX-License-Identifier: GPL-2.0

//! Registering waits for a lock that is held around callbacks.

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
