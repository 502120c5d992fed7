// SPDX-License-Identifier: GPL-2.0

//! A subscriber must not borrow: callbacks come long after the function that registered it has
//! returned.

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
