// SPDX-License-Identifier: GPL-2.0

//! An invalidate callback must not sleep without having checked that the range is blockable: it
//! would block the OOM reaper.

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
