// SPDX-License-Identifier: GPL-2.0

//! A subscriber that is paired must have an end. Without one a KVM guest, for example, would never
//! map a page again.

use core::pin::Pin;

use kernel::prelude::*;
use mnck::mmu_notifier::*;

struct Guest;

#[vtable]
impl Subscriber for Guest {}

impl Paired for Guest {
    //+ fn end(self: Pin<&Self>, _range: &Range, _context: CallbackContext<'_>) {}
    //~^^ E0046

    fn start(self: Pin<&Self>, _range: &Range, _context: CallbackContext<'_>) {}
}
