// SPDX-License-Identifier: GPL-2.0

//! The lock under which both sides meet.

use kernel::{
    prelude::*,
    sync::{
        lock::{
            spinlock::{
                SpinLockBackend,
                SpinLockIrqBackend, //
            },
            Backend,
            Lock, //
        },
        Arc, //
    },
};

/// A user lock, and the shadow in it: a [`Mutex`](kernel::sync::Mutex) or a
/// [`SpinLock`](kernel::sync::SpinLock) of the registration's own, or a [`SharedLock`].
pub trait UserLock: Send + Sync + private::Sealed {
    /// What the lock protects: the translations that the secondary MMU has.
    type Shadow: Send;

    /// The kind of lock: `MutexBackend`, `SpinLockBackend`, or one of your own.
    type Backend: Backend;

    /// The lock, the same in each call.
    #[doc(hidden)]
    fn get(&self, _: private::Token) -> &Lock<Self::Shadow, Self::Backend>;
}

/// What is only this room's: locks are taken by the two sides, and by nobody else.
pub(super) mod private {
    pub trait Sealed {}

    pub struct Token;
}

impl<T: Send, B: Backend> private::Sealed for Lock<T, B> {}

impl<T: Send, B: Backend> UserLock for Lock<T, B> {
    type Shadow = T;
    type Backend = B;

    #[inline]
    fn get(&self, _: private::Token) -> &Lock<T, B> {
        self
    }
}

/// A user lock that many registrations have, as the buffers of a GPU's address space do: what each
/// clone locks is the same.
pub struct SharedLock<T, B: Backend>(Arc<Lock<T, B>>);

impl<T, B: Backend> SharedLock<T, B> {
    /// Makes the lock: of `new_mutex!(shadow, "name")`, for one.
    pub fn new(lock: impl PinInit<Lock<T, B>>) -> Result<Self> {
        Ok(Self(Arc::pin_init(lock, GFP_KERNEL)?))
    }
}

impl<T, B: Backend> Clone for SharedLock<T, B> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Send, B: Backend> private::Sealed for SharedLock<T, B> {}

impl<T: Send, B: Backend> UserLock for SharedLock<T, B> {
    type Shadow = T;
    type Backend = B;

    #[inline]
    fn get(&self, _: private::Token) -> &Lock<T, B> {
        &self.0
    }
}

/// Locks that are taken without sleeping, and so in any callback. (With `PREEMPT_RT` spin locks do
/// sleep, these as well as those of C's subscribers.)
///
/// Implementing it for one that sleeps makes [`Invalidate::lock_atomic`](super::Invalidate) sleep
/// where it must not.
pub trait AtomicBackend: Backend {}

impl AtomicBackend for SpinLockBackend {}
impl AtomicBackend for SpinLockIrqBackend {}
