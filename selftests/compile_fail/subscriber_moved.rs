// SPDX-License-Identifier: GPL-2.0

//! A registered subscriber must not be moved: the core has its address.

use core::pin::Pin;

use kernel::prelude::*;
use mnck::mmu_notifier::*;

struct Guest;

#[vtable]
impl Subscriber for Guest {}

fn take(registration: &Registration<Bare<Guest>>) {
    //+ let guest = Pin::into_inner(registration.subscriber());
    let guest = *Pin::into_inner(registration.subscriber()); //~ E0507
}
