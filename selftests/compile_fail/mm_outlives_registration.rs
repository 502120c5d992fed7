// SPDX-License-Identifier: GPL-2.0

//! A reference to the mm must not outlive the registration, which holds the mm.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn detach<F: Flavour>(registration: Registration<F>, task: &mut TaskContext) {
    let mm = registration.mm();

    //+
    registration.unregister(task); //~ E0505
    let _ = mm.as_raw();
}
