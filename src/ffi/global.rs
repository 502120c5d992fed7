// SPDX-License-Identifier: GPL-2.0

//! Values that belong to the module, and that all of it can reach.
//!
//! What a module owns stands in its own struct, of which nobody has the address, and a `static` is
//! never dropped. So the module's struct has a [`Published`], and a `static` shows the way.

use core::ptr;

use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Full, //
        },
        rcu,
        Arc,
        ArcBorrow, //
    }, //
};

/// A place for a value, of which there is one as long as a [`Published`] exists.
///
/// # Invariants
///
/// The pointer is null, or comes from [`Arc::into_raw`], and that reference is not given up before
/// an RCU grace period has passed since the pointer was null again.
pub(crate) struct Global<T: Send + Sync + 'static>(Atomic<*mut T>);

impl<T: Send + Sync> Global<T> {
    /// A place without a value.
    pub(crate) const fn new() -> Self {
        // INVARIANT: It is null.
        Self(Atomic::new(ptr::null_mut()))
    }

    /// Puts `value` there.
    ///
    /// # Errors
    ///
    /// - [`EBUSY`]: there is one.
    pub(crate) fn publish(&'static self, value: Arc<T>) -> Result<Published<T>> {
        let value = Arc::into_raw(value).cast_mut();

        // INVARIANT: `value` comes from `into_raw()`, and `Published` waits before it gives it up.
        if self.0.cmpxchg(ptr::null_mut(), value, Full).is_err() {
            // SAFETY: It comes from `into_raw()` above, and nobody else has seen it.
            drop(unsafe { Arc::from_raw(value) });
            return Err(EBUSY);
        }
        Ok(Published(self))
    }

    /// The value, if there is one.
    pub(crate) fn get(&self) -> Option<Arc<T>> {
        let _guard = rcu::read_lock();
        let value = self.0.load(Acquire);

        if value.is_null() {
            return None;
        }
        // SAFETY: By the type invariant the reference is there until the guard is dropped, at
        // least, and this takes one of its own.
        Some(unsafe { ArcBorrow::from_raw(value) }.into())
    }
}

/// A value that a [`Global`] shows, until this is dropped.
///
/// Sleeps on drop, and the value is dropped there if nobody has another reference to it.
pub(crate) struct Published<T: Send + Sync + 'static>(&'static Global<T>);

impl<T: Send + Sync> Drop for Published<T> {
    fn drop(&mut self) {
        let value = self.0 .0.xchg(ptr::null_mut(), Full);

        rcu::synchronize_rcu();
        // SAFETY: It comes from `into_raw()` in `publish()`, which succeeds once for each
        // `Published`, and none can find it any more.
        drop(unsafe { Arc::from_raw(value) });
    }
}
