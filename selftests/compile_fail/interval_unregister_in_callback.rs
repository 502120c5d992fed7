// SPDX-License-Identifier: GPL-2.0

//! A callback must not unregister an interval subscriber: that waits until the invalidation ends,
//! which waits for the callback.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn callback<F: IntervalFlavour>(
    registration: IntervalRegistration<F>,
    context: &MaySleep<'_>,
    task: &mut TaskContext,
) {
    //+ registration.unregister(task);
    registration.unregister(context); //~ E0308
}
