// SPDX-License-Identifier: GPL-2.0

//! A subscriber with a first pass must have a second pass.

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

impl TwoPass for Mirror {
    //+ fn finish(self: Pin<&Self>, _fence: u64, _context: CallbackContext<'_>) {}
    //~^^ E0046

    type Finish = u64;

    fn start<'c>(
        self: Pin<&Self>,
        invalidation: Invalidate<'_, 'c, Self>,
        context: CallbackContext<'c>,
    ) -> Result<Pass<'c, u64>, WouldBlock<'c>> {
        let done = invalidation.lock_or_refuse(&context)?.done();

        Ok(Pass::Begun(done, 7))
    }
}
