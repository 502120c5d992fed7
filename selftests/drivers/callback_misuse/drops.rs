// SPDX-License-Identifier: GPL-2.0

//! Drops in a callback the registration of another.

use core::ptr;

use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        Mutex,
        SpinLock, //
    }, //
};

use super::{
    mmu_notifier::*,
    seen::{
        Callback,
        Seen, //
    }, //
};

/// Where the last [`Victim`] is, for who looks for lost memory: once its mm has exited nobody else
/// would know of it, and it is lost on purpose.
static LAST_VICTIM: Atomic<usize> = Atomic::new(0);

/// One whose registration is dropped in a callback of another.
pub(super) struct Victim {
    seen: Arc<Seen>,
    before: Atomic<usize>,
}

impl Victim {
    pub(super) fn new(seen: &Arc<Seen>) -> Self {
        Self {
            seen: seen.clone(),
            before: Atomic::new(0),
        }
    }

    pub(super) fn remember(self: Pin<&Self>) {
        let here = ptr::from_ref(self.get_ref()) as usize;

        self.before.store(LAST_VICTIM.xchg(here, Relaxed), Relaxed);
    }
}

#[vtable]
impl Subscriber for Victim {}

impl Paired for Victim {
    fn start(self: Pin<&Self>, _range: &Range, _context: CallbackContext<'_>) {
        self.seen.note(Callback::Dropped, true);
    }

    fn end(self: Pin<&Self>, _range: &Range, _context: CallbackContext<'_>) {}
}

#[vtable]
impl IntervalSubscriber for Victim {
    type UserLock = Mutex<()>;
}

impl Interval for Victim {
    fn invalidate<'c>(
        self: Pin<&Self>,
        invalidation: Invalidate<'_, 'c, Self>,
        context: CallbackContext<'c>,
    ) -> Result<Done<'c>, WouldBlock<'c>> {
        self.seen.note(Callback::Dropped, true);
        Ok(invalidation.lock_or_refuse(&context)?.done())
    }
}

/// Has a registration of another, and drops it in its own first callback.
#[pin_data]
pub(super) struct Dropper<R> {
    #[pin]
    other: SpinLock<Option<R>>,
}

impl<R: Unpin> Dropper<R> {
    pub(super) fn new(other: R) -> impl PinInit<Self> {
        pin_init!(Self {
            other <- new_spinlock!(Some(other)),
        })
    }

    fn drop_other(&self) {
        let other = self.other.lock().take();

        drop(other);
    }
}

pub(super) type DropsInStart = Dropper<Registration<StartEnd<Victim>>>;

#[vtable]
impl Subscriber for DropsInStart {}

impl Paired for DropsInStart {
    fn start(self: Pin<&Self>, _range: &Range, _context: CallbackContext<'_>) {
        self.drop_other();
    }

    fn end(self: Pin<&Self>, _range: &Range, _context: CallbackContext<'_>) {}
}

pub(super) type DropsInInvalidate = Dropper<IntervalRegistration<OnePass<Victim>>>;

#[vtable]
impl IntervalSubscriber for DropsInInvalidate {
    type UserLock = Mutex<()>;
}

impl Interval for DropsInInvalidate {
    fn invalidate<'c>(
        self: Pin<&Self>,
        invalidation: Invalidate<'_, 'c, Self>,
        context: CallbackContext<'c>,
    ) -> Result<Done<'c>, WouldBlock<'c>> {
        self.drop_other();
        Ok(invalidation.lock_or_refuse(&context)?.done())
    }
}
