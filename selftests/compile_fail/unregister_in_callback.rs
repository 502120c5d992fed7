// SPDX-License-Identifier: GPL-2.0

//! Unregistering waits for every callback, and so for itself.

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
