// SPDX-License-Identifier: GPL-2.0

//! An end without its start, which counts below zero.

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
