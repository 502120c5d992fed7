// SPDX-License-Identifier: GPL-2.0

//! A subscriber must not hold a `TaskContext`: its callbacks could use it.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

struct Guest {
    //+ task: u8,
    task: TaskContext,
}

fn share<T: Sync>() {}

fn check() {
    share::<Guest>(); //~ E0277
}
