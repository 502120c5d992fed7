// SPDX-License-Identifier: GPL-2.0

//! A subscriber that may refuse must not have an end: the core would call it also for a range that
//! the subscriber has refused.

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
