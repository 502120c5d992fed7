// SPDX-License-Identifier: GPL-2.0

//! A subscriber with an end must not be registered as one without.

use core::pin::Pin;

use kernel::prelude::*;
use mnck::mmu_notifier::*;

struct Guest;

#[vtable]
impl Subscriber for Guest {}

impl Paired for Guest {
    fn start(self: Pin<&Self>, _range: &Range, _context: CallbackContext<'_>) {}

    fn end(self: Pin<&Self>, _range: &Range, _context: CallbackContext<'_>) {}
}

struct Driver {
    //+ guest: Registration<StartEnd<Guest>>,
    guest: Registration<StartOnly<Guest>>, //~ E0277
}
