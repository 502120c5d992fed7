// SPDX-License-Identifier: GPL-2.0

//! An end must not fail: the core expects no result from it.

use core::pin::Pin;

use kernel::prelude::*;
use mnck::mmu_notifier::*;

struct Guest;

#[vtable]
impl Subscriber for Guest {}

impl Paired for Guest {
    fn start(self: Pin<&Self>, _range: &Range, _context: CallbackContext<'_>) {}

    #[rustfmt::skip]
    //+ fn end(self: Pin<&Self>, _range: &Range, _context: CallbackContext<'_>) {}
    fn end(self: Pin<&Self>, _range: &Range, _context: CallbackContext<'_>) -> Result { Ok(()) } //~ E0053
}
