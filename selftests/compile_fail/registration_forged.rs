// SPDX-License-Identifier: GPL-2.0

//! A driver must not make up a registration: a `Registration` is always registered with the core.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn detach<F: Flavour>(never: F::Subscriber, registration: Registration<F>, task: &mut TaskContext) {
    //+
    let registration = Registration::<F>(never); //~ E0423
    registration.unregister(task);
}
