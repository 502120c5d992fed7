// SPDX-License-Identifier: GPL-2.0

//! A start that handles blockable ranges must handle non-blockable ranges as well.

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
        match context {
            //+ CallbackContext::NonBlockable(context) => Err(context.would_block()),
            //~^^ E0004
            CallbackContext::Blockable(_) => Ok(()),
        }
    }
}
