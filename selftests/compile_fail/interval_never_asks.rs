// SPDX-License-Identifier: GPL-2.0

//! Sleeping without having looked whether the range is blockable, in the OOM reaper's way.

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
        //+ Ok(invalidation.lock_or_refuse(&context)?.done())
        Ok(invalidation.lock(&context).done()) //~ E0308
    }
}
