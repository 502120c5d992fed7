// SPDX-License-Identifier: GPL-2.0

//! An invalidate callback must not return `true` instead of a proof that it has handled the
//! invalidation.

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
    #[rustfmt::skip]
    fn invalidate<'c>(
        self: Pin<&Self>,
        invalidation: Invalidate<'_, 'c, Self>,
        context: CallbackContext<'c>,
    //+ ) -> Result<Done<'c>, WouldBlock<'c>> { Ok(invalidation.lock_or_refuse(&context)?.done()) }
    ) -> bool { true } //~ E0053
}
