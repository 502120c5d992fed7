// SPDX-License-Identifier: GPL-2.0

//! Whoever has an end cannot fail the start: which of the ends belong to a start would be unknown.

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
