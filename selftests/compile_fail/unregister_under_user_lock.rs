// SPDX-License-Identifier: GPL-2.0

//! A driver that holds a lock that callbacks take must not unregister another subscriber, which
//! waits for callbacks.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn detach<F: IntervalFlavour>(
    registration: &IntervalRegistration<F>,
    another: IntervalRegistration<F>,
    task: &mut TaskContext,
) {
    let shadow = registration.lock(task);
    //+
    another.unregister(task); //~ E0499

    drop(shadow);
}
