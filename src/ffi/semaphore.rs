// SPDX-License-Identifier: GPL-2.0

//! Counting semaphores.
//!
//! A user can hold a lock that is a semaphore: unlike a mutex, a semaphore may be held across a
//! return to user space, and released by another task.
//!
//! C header: [`include/linux/semaphore.h`](srctree/include/linux/semaphore.h)

use kernel::{
    bindings,
    error::to_result,
    ffi::{
        c_int,
        c_long, //
    },
    prelude::*,
    time::{
        msecs_to_jiffies,
        Msecs, //
    },
    types::Opaque, //
};

use super::{
    current_is_killed,
    mnck_helper_sema_init, //
};

/// A counting semaphore: `struct semaphore`.
///
/// # Invariants
///
/// `inner` is an initialised `struct semaphore`.
#[pin_data]
pub(crate) struct Semaphore {
    #[pin]
    inner: Opaque<bindings::semaphore>,
}

// SAFETY: A semaphore is not tied to a task; any task may use it.
unsafe impl Send for Semaphore {}
// SAFETY: A `struct semaphore` serialises its users.
unsafe impl Sync for Semaphore {}

impl Semaphore {
    /// Makes a semaphore that one task can take.
    pub(crate) fn new() -> impl PinInit<Self> {
        Self::with_count(1)
    }

    /// Makes a semaphore that no task can take before an [`up`](Self::up).
    pub(crate) fn new_taken() -> impl PinInit<Self> {
        Self::with_count(0)
    }

    fn with_count(count: c_int) -> impl PinInit<Self> {
        pin_init!(Self {
            // INVARIANT: `sema_init()` initialises it.
            // SAFETY: `slot` is valid for writing, and pinned from here on.
            inner <- Opaque::ffi_init(move |slot| unsafe { mnck_helper_sema_init(slot, count) }),
        })
    }

    /// Takes the semaphore if it is free: `down_trylock()`. Never sleeps.
    pub(crate) fn try_down(&self) -> Option<SemaphoreGuard<'_>> {
        // SAFETY: By the type invariant `inner` is initialised.
        if unsafe { bindings::down_trylock(self.inner.get()) } != 0 {
            return None;
        }

        // INVARIANT: `down_trylock()` returned 0, so the semaphore is taken.
        Some(SemaphoreGuard { semaphore: self })
    }

    /// Takes the semaphore: `down_timeout()`. Sleeps until it is free, for about `limit`
    /// milliseconds at most. If the task is killed, returns within a tenth of a second.
    ///
    /// # Errors
    ///
    /// - [`EINTR`]: the task was killed.
    /// - [`ETIMEDOUT`]: `limit` has passed.
    pub(crate) fn down_limited(&self, limit: Msecs) -> Result<SemaphoreGuard<'_>> {
        // C has no call that takes a timeout and is killable.
        const NAP: Msecs = 100;

        let mut left = limit;

        loop {
            let nap = left.min(NAP);
            // SAFETY: By the type invariant `inner` is initialised.
            let ret = unsafe {
                bindings::down_timeout(self.inner.get(), msecs_to_jiffies(nap) as c_long)
            };

            if ret == 0 {
                // INVARIANT: `down_timeout()` returned 0, so the semaphore is taken.
                return Ok(SemaphoreGuard { semaphore: self });
            }
            if current_is_killed() {
                return Err(EINTR);
            }
            left = left.saturating_sub(nap);
            if left == 0 {
                return Err(ETIMEDOUT);
            }
        }
    }

    /// Takes the semaphore: `down_interruptible()`. Sleeps until it is free.
    ///
    /// # Errors
    ///
    /// - [`EINTR`]: a signal came.
    pub(crate) fn down_interruptible(&self) -> Result<SemaphoreGuard<'_>> {
        // SAFETY: By the type invariant `inner` is initialised.
        to_result(unsafe { bindings::down_interruptible(self.inner.get()) })?;

        // INVARIANT: `down_interruptible()` returned 0, so the semaphore is taken.
        Ok(SemaphoreGuard { semaphore: self })
    }

    /// Frees the semaphore, which [`SemaphoreGuard::keep`] or [`new_taken`](Self::new_taken) has
    /// left taken: `up()`. Never sleeps.
    ///
    /// If this is called once too often, two tasks can take the semaphore, which harms no memory.
    pub(crate) fn up(&self) {
        // SAFETY: By the type invariant `inner` is initialised.
        unsafe { bindings::up(self.inner.get()) };
    }
}

/// A semaphore that is taken. Freed on drop.
///
/// # Invariants
///
/// This has taken `semaphore`.
#[must_use = "the semaphore is freed at once when the guard is dropped"]
pub(crate) struct SemaphoreGuard<'a> {
    semaphore: &'a Semaphore,
}

impl SemaphoreGuard<'_> {
    /// Leaves the semaphore taken, for a later [`Semaphore::up`].
    pub(crate) fn keep(self) {
        core::mem::forget(self);
    }
}

impl Drop for SemaphoreGuard<'_> {
    fn drop(&mut self) {
        self.semaphore.up();
    }
}
