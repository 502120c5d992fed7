// SPDX-License-Identifier: GPL-2.0

//! A driver must not access the subscription in a registration: the core has linked it into its
//! lists.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn look<F: Flavour>(registration: &Registration<F>) {
    //+ let subscriber = registration.subscriber();
    let handle = &registration.0; //~ E0616
}
