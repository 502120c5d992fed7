// SPDX-License-Identifier: GPL-2.0

//! The mmap lock, held for writing.

use kernel::{
    error::to_result,
    mm::MmWithUser,
    prelude::*, //
};

use super::TaskContext;
use crate::ffi;

/// The mmap lock of an address space, held for writing; unlocked on drop.
///
/// For who registers as one step of more that the lock must cover. A guard that is leaked leaves
/// the lock taken. (There is none for the `mmap` file operation, in which the lock is held already:
/// there nothing can be registered.)
///
/// C header: [`include/linux/mmap_lock.h`](srctree/include/linux/mmap_lock.h)
///
/// # Examples
///
/// Two subscribers are registered, and nothing changes the address space in between:
///
/// ```
/// use kernel::{mm::MmWithUser, prelude::*};
/// use mnck::mmu_notifier::{
///     Flavour, MmapWriteGuard, Registration, Subscriber, TaskContext,
/// };
///
/// fn attach<F: Flavour>(
///     user: &MmWithUser,
///     (first, second): (F::Subscriber, F::Subscriber),
///     task: &mut TaskContext,
/// ) -> Result<(Registration<F>, Registration<F>)> {
///     let locked = MmapWriteGuard::lock(user, task)?;
///     let first = Registration::new_locked(&locked, first);
///     let second = Registration::new_locked(&locked, second);
///
///     // Neither may be dropped under the lock.
///     drop(locked);
///     Ok((first?, second?))
/// }
/// ```
///
/// # Invariants
///
/// The current task holds the lock of `mm` for writing.
#[must_use = "the lock is freed at once when the guard is dropped"]
pub struct MmapWriteGuard<'a> {
    mm: &'a MmWithUser,
    // The task that has locked must unlock, and must not wait for who waits for the lock.
    _task: &'a mut TaskContext,
}

impl<'a> MmapWriteGuard<'a> {
    /// Takes the lock: `mmap_write_lock_killable()`. Sleeps.
    ///
    /// # Errors
    ///
    /// - [`EINTR`]: the task was killed while it waited. The holder may wait for long, in a
    ///   subscriber's start.
    pub fn lock(mm: &'a MmWithUser, task: &'a mut TaskContext) -> Result<Self> {
        // SAFETY: `mm` is valid.
        to_result(unsafe { ffi::mnck_helper_mmap_write_lock_killable(mm.as_raw()) })?;

        // INVARIANT: It has just been locked.
        Ok(Self { mm, _task: task })
    }

    /// The address space.
    pub fn mm(&self) -> &MmWithUser {
        self.mm
    }
}

impl Drop for MmapWriteGuard<'_> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the current task holds it.
        unsafe { ffi::mnck_helper_mmap_write_unlock(self.mm.as_raw()) };
    }
}
