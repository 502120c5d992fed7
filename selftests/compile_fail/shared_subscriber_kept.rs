// SPDX-License-Identifier: GPL-2.0

//! A shared subscriber goes with the last reference.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn look<F: Flavour>(reference: SharedRef<F>) {
    let subscriber = reference.subscriber();

    //+
    drop(reference); //~ E0505
    let _ = subscriber.get_ref();
}
