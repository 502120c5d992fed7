// SPDX-License-Identifier: GPL-2.0

//! Whoever may refuse has no end: it would get the end of a range that it has refused.

use core::pin::Pin;

use kernel::prelude::*;
use mnck::mmu_notifier::*;

struct Guest;

#[vtable]
impl Subscriber for Guest {}

impl Fallible for Guest {
    fn start<'c>(
        self: Pin<&Self>,
        _range: &Range,
        context: CallbackContext<'c>,
    ) -> Result<(), WouldBlock<'c>> {
        Ok(())
    }

    //+
    fn end(self: Pin<&Self>, _range: &Range, _context: CallbackContext<'_>) {} //~ E0407
}
