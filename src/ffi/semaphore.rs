// SPDX-License-Identifier: GPL-2.0

//! Counting semaphores.
//!
//! Unlike a mutex, a semaphore may be held across a return to user space and released by another
//! task, which is what makes it fit for a lock that a user holds.
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

/// A semaphore: `struct semaphore`.
///
/// # Invariants
///
/// `inner` is an initialised `struct semaphore`.
#[pin_data]
pub(crate) struct Semaphore {
    #[pin]
    inner: Opaque<bindings::semaphore>,
}

// SAFETY: A semaphore belongs to no task; any may use it.
unsafe impl Send for Semaphore {}
// SAFETY: A `struct semaphore` serialises its users.
unsafe impl Sync for Semaphore {}

impl Semaphore {
    /// A new semaphore that one can take.
    pub(crate) fn new() -> impl PinInit<Self> {
        Self::with_count(1)
    }

    /// A new semaphore that nobody can take before an [`up`](Self::up).
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

    /// Takes the semaphore if it is free. Never sleeps. `down_trylock()`.
    pub(crate) fn try_down(&self) -> Option<SemaphoreGuard<'_>> {
        // SAFETY: By the type invariant `inner` is initialised.
        if unsafe { bindings::down_trylock(self.inner.get()) } != 0 {
            return None;
        }

        // INVARIANT: `down_trylock()` returned 0, so this has the semaphore.
        Some(SemaphoreGuard { semaphore: self })
    }

    /// Takes the semaphore, sleeping until it is free, but not for longer than about `limit`
    /// milliseconds, nor for longer than a tenth of a second once the task is killed.
    /// `down_timeout()`.
    ///
    /// # Errors
    ///
    /// - [`EINTR`]: the task was killed.
    /// - [`ETIMEDOUT`]: the limit has passed.
    pub(crate) fn down_limited(&self, limit: Msecs) -> Result<SemaphoreGuard<'_>> {
        // Neither of C's calls that wait knows both a limit and a kill.
        const NAP: Msecs = 100;

        let mut left = limit;

        loop {
            let nap = left.min(NAP);
            // SAFETY: By the type invariant `inner` is initialised.
            let ret = unsafe {
                bindings::down_timeout(self.inner.get(), msecs_to_jiffies(nap) as c_long)
            };

            if ret == 0 {
                // INVARIANT: `down_timeout()` returned 0, so this has the semaphore.
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

    /// Takes the semaphore, sleeping until it is free. `down_interruptible()`.
    ///
    /// Fails with [`EINTR`] if a signal comes.
    pub(crate) fn down_interruptible(&self) -> Result<SemaphoreGuard<'_>> {
        // SAFETY: By the type invariant `inner` is initialised.
        to_result(unsafe { bindings::down_interruptible(self.inner.get()) })?;

        // INVARIANT: `down_interruptible()` returned 0, so this has the semaphore.
        Ok(SemaphoreGuard { semaphore: self })
    }

    /// Frees the semaphore that [`SemaphoreGuard::keep`] left taken, or that was new and taken.
    /// `up()`; never sleeps.
    ///
    /// One call too many lets two tasks in at once, which harms no memory.
    pub(crate) fn up(&self) {
        // SAFETY: By the type invariant `inner` is initialised.
        unsafe { bindings::up(self.inner.get()) };
    }
}

/// The semaphore, taken; freed on drop.
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
