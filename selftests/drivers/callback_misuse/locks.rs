// SPDX-License-Identifier: GPL-2.0

//! A subscriber that locks a mutex in each callback, whether or not the callback may sleep.

use core::pin::Pin;

use kernel::{
    new_mutex,
    prelude::*,
    sync::Mutex, //
};

use super::mmu_notifier::*;

/// A subscriber that locks its mutex in an end and in an invalidate callback. The mutex is free.
#[pin_data]
pub(super) struct Locks {
    #[pin]
    own: Mutex<()>,
}

impl Locks {
    /// Returns such a subscriber.
    pub(super) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            own <- new_mutex!(()),
        })
    }
}

#[vtable]
impl Subscriber for Locks {}

impl Paired for Locks {
    fn start(self: Pin<&Self>, _range: &Range, _context: CallbackContext<'_>) {}

    fn end(self: Pin<&Self>, _range: &Range, _context: CallbackContext<'_>) {
        drop(self.own.lock());
    }
}

#[vtable]
impl IntervalSubscriber for Locks {
    type UserLock = Mutex<()>;
}

impl Interval for Locks {
    fn invalidate<'c>(
        self: Pin<&Self>,
        invalidation: Invalidate<'_, 'c, Self>,
        context: CallbackContext<'c>,
    ) -> Result<Done<'c>, WouldBlock<'c>> {
        drop(self.own.lock());
        Ok(invalidation.lock_or_refuse(&context)?.done())
    }
}
