// SPDX-License-Identifier: GPL-2.0

//! Subscribers to a part of an address space, with a read side that notices collisions.
//!
//! A subscriber has a *shadow* of the translations of its range, under the *user lock*. Two sides
//! meet there:
//!
//! - an [`Invalidate`] locks and becomes [`Collided`], which removes translations;
//! - a [`ReadSection`] looks up translations without the lock, then locks and becomes [`Valid`],
//!   which installs them, unless an invalidation came in between: then it has been for nothing, and
//!   is a [`Retry`].
//!
//! What makes the collision visible is a sequence number, and that it is set and compared under the
//! user lock. Here that can't be forgotten: the registration has the lock, taking it is what sets
//! and compares, and there is no other way to end an invalidation ([`Done`]) or to install. (But
//! one: see [`Invalidate::ignore_own`].)

use kernel::{
    bindings,
    prelude::*,
    sync::lock::{
        Guard,
        Lock, //
    },
    types::Opaque, //
};

mod invalidate;
pub use invalidate::{
    Collided,
    Done,
    Invalidate, //
};

#[cfg(mnck_kunit)]
mod kunit;

mod one_pass;
pub use one_pass::{
    Interval,
    OnePass, //
};

mod read;
pub use read::{
    Locked,
    ReadSection,
    Retry,
    Valid, //
};

mod registration;
pub use registration::IntervalRegistration;

mod two_pass;
pub use two_pass::{
    Pass,
    TwoPass,
    TwoPasses, //
};

mod user_lock;
pub use user_lock::{
    AtomicBackend,
    SharedLock,
    UserLock, //
};

use user_lock::private::Token;

/// What the subscribers of both interval flavours have in common.
#[vtable]
pub trait IntervalSubscriber: Sized + Send + Sync + 'static {
    /// The user lock, with the shadow in it: `Mutex<Table>`, `SpinLock<Table>`.
    type UserLock: UserLock;
}

/// What the user lock of `T` protects.
pub(super) type Shadow<T> = <<T as IntervalSubscriber>::UserLock as UserLock>::Shadow;

/// The user lock of `T`, held.
type ShadowGuard<'a, T> =
    Guard<'a, Shadow<T>, <<T as IntervalSubscriber>::UserLock as UserLock>::Backend>;

/// A kind of interval subscription: which callbacks the core calls, and how.
///
/// # Safety
///
/// `OPS` must keep the core's rules: its callbacks take a subscription that belongs to an
/// `IntervalNode` of `Subscriber`; they return false only if the range is non-blockable; and if
/// there is an `invalidate_start` there is an `invalidate_finish`.
pub unsafe trait IntervalFlavour: 'static {
    /// The subscriber's type.
    type Subscriber: IntervalSubscriber;

    /// The callback table.
    const OPS: bindings::mmu_interval_notifier_ops;
}

/// A subscriber, the core's view of it, and the lock that both sides take.
///
/// # Invariants
///
/// `subscription` is initialised, and is `subscriber`'s; only who holds `lock` writes
/// `invalidate_seq` in it.
// In the order of a C driver's struct, and so with the same cache lines.
#[repr(C)]
#[pin_data]
struct IntervalNode<T: IntervalSubscriber> {
    #[pin]
    subscription: Opaque<bindings::mmu_interval_notifier>,
    #[pin]
    lock: T::UserLock,
    #[pin]
    subscriber: T,
}

// SAFETY: What the core does with a subscription it does under locks of its own; who else touches
// it does so by `sequence()`; the subscriber and the lock are `Send`.
unsafe impl<T: IntervalSubscriber> Send for IntervalNode<T> {}
// SAFETY: As above, and the subscriber and the lock are `Sync`.
unsafe impl<T: IntervalSubscriber> Sync for IntervalNode<T> {}

impl<T: IntervalSubscriber> IntervalNode<T> {
    /// Makes the subscriber and its lock, and then its subscription, which `publish` may show to
    /// the core.
    fn new<E>(
        subscriber: impl PinInit<T, E>,
        lock: impl PinInit<T::UserLock>,
        publish: impl FnOnce(*mut bindings::mmu_interval_notifier) -> Result,
    ) -> impl PinInit<Self, Error>
    where
        Error: From<E>,
    {
        try_pin_init!(Self {
            subscriber <- subscriber,
            lock <- lock,
            // Last: once published a callback may come, and finds the fields above in place.
            subscription <- Opaque::try_ffi_init(
                |slot: *mut bindings::mmu_interval_notifier| {
                    // SAFETY: `slot` is valid for writing.
                    unsafe { slot.write(pin_init::zeroed()) };
                    publish(slot)
                },
            ),
        }? Error)
    }

    /// The node that `subscription` belongs to.
    ///
    /// # Safety
    ///
    /// There must be one, for all of `'a`, in which all fields but perhaps `subscription` are
    /// initialised.
    #[inline]
    unsafe fn from_subscription<'a>(
        subscription: *mut bindings::mmu_interval_notifier,
    ) -> Pin<&'a Self> {
        let subscription = Opaque::cast_from(subscription);

        // SAFETY: By the duty above it is that field of a node, which is pinned. A reference to the
        // whole promises nothing of an `Opaque` field.
        unsafe { Pin::new_unchecked(&*kernel::container_of!(subscription, Self, subscription)) }
    }

    /// The user lock.
    #[inline]
    fn lock(&self) -> &Lock<Shadow<T>, <T::UserLock as UserLock>::Backend> {
        self.lock.get(Token)
    }

    /// The subscriber.
    #[inline]
    fn subscriber(self: Pin<&Self>) -> Pin<&T> {
        // SAFETY: It is structurally pinned.
        unsafe { self.map_unchecked(|this| &this.subscriber) }
    }

    /// The sequence number of the last invalidation that was seen: `READ_ONCE(invalidate_seq)`.
    #[inline]
    fn sequence(&self) -> usize {
        // SAFETY: It is valid. Who writes it meanwhile does so with `WRITE_ONCE()`, or before the
        // core could call anyone.
        unsafe { (&raw const (*self.subscription.get()).invalidate_seq).read_volatile() }
    }

    /// Notes an invalidation: `mmu_interval_set_seq()`, which is a `WRITE_ONCE()`. An `Atomic`
    /// would be a call.
    #[inline]
    fn set_sequence(&self, _guard: &ShadowGuard<'_, T>, sequence: usize) {
        // SAFETY: It is valid, and the user lock is held, without which nobody writes it. Who reads
        // it meanwhile does so with `READ_ONCE()`.
        unsafe {
            (&raw mut (*self.subscription.get()).invalidate_seq).write_volatile(sequence);
        }
    }
}
