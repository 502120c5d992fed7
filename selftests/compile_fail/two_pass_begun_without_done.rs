// SPDX-License-Identifier: GPL-2.0

//! The first pass of an invalidation must take the user lock as well, which sets the sequence.

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
    type Finish = u64;

    fn start<'c>(
        self: Pin<&Self>,
        invalidation: Invalidate<'_, 'c, Self>,
        context: CallbackContext<'c>,
    ) -> Result<Pass<'c, u64>, WouldBlock<'c>> {
        //+ Ok(Pass::Begun(invalidation.lock_or_refuse(&context)?.done(), 7))
        Ok(Pass::Begun(7)) //~ E0061
    }

    fn finish(self: Pin<&Self>, _fence: u64, _context: CallbackContext<'_>) {}
}
