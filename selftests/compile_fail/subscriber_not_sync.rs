// SPDX-License-Identifier: GPL-2.0

//! Callbacks run on many CPUs at the same time.

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
