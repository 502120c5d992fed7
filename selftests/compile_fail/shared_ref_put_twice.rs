// SPDX-License-Identifier: GPL-2.0

//! A reference to a shared subscriber must not be dropped twice.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn put<F: Flavour>(reference: SharedRef<F>) {
    drop(reference);
    //+
    drop(reference); //~ E0382
}
