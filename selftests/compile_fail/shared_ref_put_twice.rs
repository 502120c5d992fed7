// SPDX-License-Identifier: GPL-2.0

//! A reference is given up once.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn put<F: Flavour>(reference: SharedRef<F>) {
    drop(reference);
    //+
    drop(reference); //~ E0382
}
