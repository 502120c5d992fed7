// SPDX-License-Identifier: GPL-2.0

//! A shared subscriber must not be used after its last reference was dropped.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn look<F: Flavour>(reference: SharedRef<F>) {
    let subscriber = reference.subscriber();

    //+
    drop(reference); //~ E0505
    let _ = subscriber.get_ref();
}
