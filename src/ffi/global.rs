// SPDX-License-Identifier: GPL-2.0

//! Values that the module owns and that all of its code can reach.
//!
//! The values that a module owns are in the module's struct, whose address its code does not know.
//! A `static` can be reached by all code, but is never dropped. So the module's struct owns a
//! [`Published`], and a `static` [`Global`] points to its value.

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

/// A pointer to a value, which is there as long as a [`Published`] exists.
///
/// # Invariants
///
/// The pointer is null or comes from [`Arc::into_raw`]. That reference is not given up before an
/// RCU grace period has passed since the pointer was set to null.
pub(crate) struct Global<T: Send + Sync + 'static>(Atomic<*mut T>);

impl<T: Send + Sync> Global<T> {
    /// Makes a pointer without a value.
    pub(crate) const fn new() -> Self {
        // INVARIANT: The pointer is null.
        Self(Atomic::new(ptr::null_mut()))
    }

    /// Publishes `value` until the return value is dropped. Never sleeps.
    ///
    /// # Errors
    ///
    /// - [`EBUSY`]: a value is published already.
    pub(crate) fn publish(&'static self, value: Arc<T>) -> Result<Published<T>> {
        let value = Arc::into_raw(value).cast_mut();

        // INVARIANT: `value` comes from `into_raw()`, and `Published` waits before it gives it up.
        if self.0.cmpxchg(ptr::null_mut(), value, Full).is_err() {
            // SAFETY: The pointer comes from `into_raw()` above, and was not published.
            drop(unsafe { Arc::from_raw(value) });
            return Err(EBUSY);
        }
        Ok(Published(self))
    }

    /// Returns the value, if one is published. Never sleeps.
    pub(crate) fn get(&self) -> Option<Arc<T>> {
        let _guard = rcu::read_lock();
        let value = self.0.load(Acquire);

        if value.is_null() {
            return None;
        }
        // SAFETY: By the type invariant the reference is not given up before the guard is dropped,
        // and this takes another reference.
        Some(unsafe { ArcBorrow::from_raw(value) }.into())
    }
}

/// The ownership of the value of a [`Global`].
///
/// The drop sleeps, and drops the value unless there are other references to it.
pub(crate) struct Published<T: Send + Sync + 'static>(&'static Global<T>);

impl<T: Send + Sync> Drop for Published<T> {
    fn drop(&mut self) {
        let value = self.0 .0.xchg(ptr::null_mut(), Full);

        rcu::synchronize_rcu();
        // SAFETY: The pointer comes from `into_raw()` in `publish()`, which succeeds once for each
        // `Published`. An RCU grace period has passed, so no `get()` can use it any more.
        drop(unsafe { Arc::from_raw(value) });
    }
}
