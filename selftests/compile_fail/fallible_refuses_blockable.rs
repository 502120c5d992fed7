// SPDX-License-Identifier: GPL-2.0

//! A start must not refuse a blockable range: its initiator does not expect a failure.

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
            //+ CallbackContext::Blockable(_) => Ok(()),
            CallbackContext::Blockable(context) => Err(context.would_block()), //~ E0599
            CallbackContext::NonBlockable(context) => Err(context.would_block()),
        }
    }
}
