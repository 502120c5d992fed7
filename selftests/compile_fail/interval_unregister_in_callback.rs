// SPDX-License-Identifier: GPL-2.0

//! Removing waits for the invalidation to end, and so for itself.

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
