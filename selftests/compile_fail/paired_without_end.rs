// SPDX-License-Identifier: GPL-2.0

//! A start without its end, as a KVM guest that never maps a page again.

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
