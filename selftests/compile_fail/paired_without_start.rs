// SPDX-License-Identifier: GPL-2.0

//! A subscriber that is paired must have a start: its count of open ranges would fall below zero.

use core::pin::Pin;

use kernel::prelude::*;
use mnck::mmu_notifier::*;

struct Guest;

#[vtable]
impl Subscriber for Guest {}

impl Paired for Guest {
    //+ fn start(self: Pin<&Self>, _range: &Range, _context: CallbackContext<'_>) {}
    //~^^ E0046

    fn end(self: Pin<&Self>, _range: &Range, _context: CallbackContext<'_>) {}
}
