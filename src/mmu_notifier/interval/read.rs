// SPDX-License-Identifier: GPL-2.0

//! The read side: looking up translations, and installing them unless they are stale.

use core::{
    ops::{
        Deref,
        DerefMut, //
    },
    ptr, //
};

use kernel::{
    bindings,
    types::NotThreadSafe, //
};

use super::{
    IntervalNode,
    IntervalSubscriber,
    Shadow,
    ShadowGuard, //
};
use crate::mmu_notifier::TaskContext;

/// A time in which translations are looked up, without the user lock.
///
/// It ends with [`lock`](Self::lock), which says whether what was found may be installed. Dropping
/// it instead is harmless: what was found must then be thrown away.
#[must_use = "what is found in a read section may be used only after `lock()`"]
pub struct ReadSection<'s, T: IntervalSubscriber> {
    pub(super) node: &'s IntervalNode<T>,
    pub(super) sequence: usize,
    // It stays where there is a `TaskContext`, without borrowing it: many may be open.
    pub(super) _task: NotThreadSafe,
}

impl<'s, T: IntervalSubscriber> ReadSection<'s, T> {
    /// `mmu_interval_read_begin()`. The node must be registered.
    pub(super) fn begin(node: &'s IntervalNode<T>, _task: &mut TaskContext) -> Self {
        Self {
            node,
            // SAFETY: It is registered for as long as the registration is borrowed.
            sequence: unsafe { bindings::mmu_interval_read_begin(node.subscription.get()) },
            _task: NotThreadSafe,
        }
    }

    /// Whether it is known already that all has been for nothing: `mmu_interval_check_retry()`.
    ///
    /// For long lookups. False may be wrong.
    #[inline]
    pub fn is_stale(&self) -> bool {
        self.node.sequence() != self.sequence
    }

    /// Takes the user lock, and ends the section: `mmu_interval_read_retry()`. May sleep.
    ///
    /// # Errors
    ///
    /// [`Retry`] if an invalidation came in between.
    pub fn lock<'t>(self, task: &'t mut TaskContext) -> Result<Valid<'s, 't, T>, Retry> {
        let guard = self.node.lock().lock();

        if self.is_stale() {
            return Err(Retry);
        }
        Ok(Valid { guard, _task: task })
    }

    /// The subscription, with the sequence number that the section began with.
    #[cfg(CONFIG_HMM_MIRROR)]
    pub(in crate::mmu_notifier) fn as_raw(&self) -> (*mut bindings::mmu_interval_notifier, usize) {
        (self.node.subscription.get(), self.sequence)
    }
}

/// What was looked up is stale: begin again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry;

/// The user lock, held at the end of a read section that nothing has collided with.
///
/// As long as it is held no invalidation can get by, so what was looked up in the section can be
/// installed in the shadow.
#[must_use = "the lock is freed at once when this is dropped"]
pub struct Valid<'s, 't, T: IntervalSubscriber> {
    guard: ShadowGuard<'s, T>,
    // An invalidation may wait for the lock: the task must wait for none.
    _task: &'t mut TaskContext,
}

impl<T: IntervalSubscriber> Valid<'_, '_, T> {
    /// Ends another section under the same lock: whether what was looked up in it is valid too.
    ///
    /// For who needs many registrations valid at once, and has them share one user lock, a
    /// [`SharedLock`](super::SharedLock). False also if `section` has another, which is not held.
    #[must_use = "what was looked up in the section may be stale"]
    pub fn ends<U: IntervalSubscriber>(&self, section: ReadSection<'_, U>) -> bool {
        ptr::addr_eq(self.guard.lock_ref(), section.node.lock()) && !section.is_stale()
    }
}

impl<T: IntervalSubscriber> Deref for Valid<'_, '_, T> {
    type Target = Shadow<T>;

    #[inline]
    fn deref(&self) -> &Shadow<T> {
        &self.guard
    }
}

impl<T: IntervalSubscriber> DerefMut for Valid<'_, '_, T>
where
    Shadow<T>: Unpin,
{
    #[inline]
    fn deref_mut(&mut self) -> &mut Shadow<T> {
        &mut self.guard
    }
}

/// The user lock, held to look at the shadow.
#[must_use = "the lock is freed at once when this is dropped"]
pub struct Locked<'s, 't, T: IntervalSubscriber> {
    pub(super) guard: ShadowGuard<'s, T>,
    // As in `Valid`.
    pub(super) _task: &'t mut TaskContext,
}

impl<T: IntervalSubscriber> Deref for Locked<'_, '_, T> {
    type Target = Shadow<T>;

    #[inline]
    fn deref(&self) -> &Shadow<T> {
        &self.guard
    }
}
