// SPDX-License-Identifier: GPL-2.0

//! An invalidate callback must not refuse a blockable range, not even if the device fails.

use core::pin::Pin;

use kernel::{
    prelude::*,
    sync::Mutex, //
};
use mnck::mmu_notifier::*;

struct Mirror;

#[vtable]
impl IntervalSubscriber for Mirror {
    type UserLock = Mutex<usize>;
}

impl Interval for Mirror {
    fn invalidate<'c>(
        self: Pin<&Self>,
        invalidation: Invalidate<'_, 'c, Self>,
        context: CallbackContext<'c>,
    ) -> Result<Done<'c>, WouldBlock<'c>> {
        match context {
            //+ CallbackContext::Blockable(context) => Ok(invalidation.lock(&context).done()),
            CallbackContext::Blockable(context) => Err(context.would_block()), //~ E0599
            CallbackContext::NonBlockable(context) => Err(context.would_block()),
        }
    }
}
