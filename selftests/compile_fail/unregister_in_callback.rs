// SPDX-License-Identifier: GPL-2.0

//! A callback must not unregister a subscriber: that waits for all callbacks, this one among them.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn callback<F: Flavour>(
    registration: Registration<F>,
    context: &MaySleep<'_>,
    task: &mut TaskContext,
) {
    //+ registration.unregister(task);
    registration.unregister(context); //~ E0308
}
