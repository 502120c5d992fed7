// SPDX-License-Identifier: GPL-2.0

//! A subscriber must be `Sync`: callbacks run on several CPUs at the same time.

use kernel::{
    prelude::*,
    sync::atomic::Atomic, //
};
use mnck::mmu_notifier::*;

struct Guest {
    //+ count: Atomic<usize>,
    count: core::cell::Cell<usize>,
}

#[vtable]
impl Subscriber for Guest {} //~ E0277
