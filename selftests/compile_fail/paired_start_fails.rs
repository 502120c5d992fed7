// SPDX-License-Identifier: GPL-2.0

//! A start of a subscriber with an end must not fail: the subscriber could not know which ends
//! belong to a start that it has refused.

use core::pin::Pin;

use kernel::prelude::*;
use mnck::mmu_notifier::*;

struct Guest;

#[vtable]
impl Subscriber for Guest {}

impl Paired for Guest {
    #[rustfmt::skip]
    //+ fn start(self: Pin<&Self>, _range: &Range, _context: CallbackContext<'_>) {}
    fn start(self: Pin<&Self>, _range: &Range, _context: CallbackContext<'_>) -> Result { Err(EAGAIN) } //~ E0053

    fn end(self: Pin<&Self>, _range: &Range, _context: CallbackContext<'_>) {}
}
