// SPDX-License-Identifier: GPL-2.0

//! The second pass must not refuse: it comes after all subscribers have started.

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
        let done = invalidation.lock_or_refuse(&context)?.done();

        Ok(Pass::Begun(done, 7))
    }

    #[rustfmt::skip]
    //+ fn finish(self: Pin<&Self>, _fence: u64, _: CallbackContext<'_>) {}
    fn finish(self: Pin<&Self>, _fence: u64, _: CallbackContext<'_>) -> Result { Ok(()) } //~ E0053
}
