// SPDX-License-Identifier: GPL-2.0

//! A reference to a shared subscriber must not be copied: each one is counted.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn copy<F: Flavour>(reference: &SharedRef<F>) {
    //+ let copy: &SharedRef<F> = reference;
    let copy: SharedRef<F> = *reference; //~ E0507
}
