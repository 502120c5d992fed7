// SPDX-License-Identifier: GPL-2.0

//! A subscriber must not be unregistered twice.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn detach<F: Flavour>(registration: Registration<F>, task: &mut TaskContext) {
    registration.unregister(task);
    //+
    registration.unregister(task); //~ E0382
}
