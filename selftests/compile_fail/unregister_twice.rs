// SPDX-License-Identifier: GPL-2.0

//! What is registered once is unregistered once.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn detach<F: Flavour>(registration: Registration<F>, task: &mut TaskContext) {
    registration.unregister(task);
    //+
    registration.unregister(task); //~ E0382
}
