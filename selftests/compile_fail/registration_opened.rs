// SPDX-License-Identifier: GPL-2.0

//! What the core has linked into its lists is nobody else's.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn look<F: Flavour>(registration: &Registration<F>) {
    //+ let subscriber = registration.subscriber();
    let handle = &registration.0; //~ E0616
}
