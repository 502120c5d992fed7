// SPDX-License-Identifier: GPL-2.0

//! The core has its address.

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
