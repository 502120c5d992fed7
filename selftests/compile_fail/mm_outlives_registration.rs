// SPDX-License-Identifier: GPL-2.0

//! The registration keeps the address space.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn detach<F: Flavour>(registration: Registration<F>, task: &mut TaskContext) {
    let mm = registration.mm();

    //+
    registration.unregister(task); //~ E0505
    let _ = mm.as_raw();
}
