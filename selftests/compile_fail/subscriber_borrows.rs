// SPDX-License-Identifier: GPL-2.0

//! Callbacks come when the function that registered has long returned.

use kernel::{
    prelude::*,
    sync::atomic::Atomic, //
};
use mnck::mmu_notifier::*;

struct Guest<'a> {
    count: &'a Atomic<usize>,
}

#[vtable]
//+ impl Subscriber for Guest<'static> {}
impl<'a> Subscriber for Guest<'a> {} //~ E0478 //~ E0495
