// SPDX-License-Identifier: GPL-2.0

//! Subscribers that drop the registration of another subscriber in a callback.

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

/// The address of the last [`Victim`], for kmemleak: the victims are leaked on purpose, and once
/// the mm of one has exited, nothing else points to it.
static LAST_VICTIM: Atomic<usize> = Atomic::new(0);

/// A subscriber whose registration is dropped in a callback of another subscriber.
pub(super) struct Victim {
    seen: Arc<Seen>,
    /// The address of the victim before this one.
    before: Atomic<usize>,
}

impl Victim {
    /// Returns a victim that notes its callbacks in `seen`.
    pub(super) fn new(seen: &Arc<Seen>) -> Self {
        Self {
            seen: seen.clone(),
            before: Atomic::new(0),
        }
    }

    /// Makes this the head of the list of victims at [`LAST_VICTIM`].
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

/// A subscriber that has the registration of another one, and drops it in its first callback.
#[pin_data]
pub(super) struct Dropper<R> {
    #[pin]
    other: SpinLock<Option<R>>,
}

impl<R: Unpin> Dropper<R> {
    /// Returns a subscriber that will drop `other`.
    pub(super) fn new(other: R) -> impl PinInit<Self> {
        pin_init!(Self {
            other <- new_spinlock!(Some(other)),
        })
    }

    /// Drops the other registration, if that was not done before.
    fn drop_other(&self) {
        let other = self.other.lock().take();

        drop(other);
    }
}

/// Drops a registration in a start.
pub(super) type DropsInStart = Dropper<Registration<StartEnd<Victim>>>;

#[vtable]
impl Subscriber for DropsInStart {}

impl Paired for DropsInStart {
    fn start(self: Pin<&Self>, _range: &Range, _context: CallbackContext<'_>) {
        self.drop_other();
    }

    fn end(self: Pin<&Self>, _range: &Range, _context: CallbackContext<'_>) {}
}

/// Drops an interval registration in an invalidate callback.
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
