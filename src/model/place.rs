// SPDX-License-Identifier: GPL-2.0

//! Registration with the address space of a process.

use core::ops::Range;

use kernel::{
    mm::MmWithUser,
    prelude::*,
    sync::Arc,
    task::Pid, //
};

use crate::mmu_notifier::{
    Domain,
    Flavour,
    IntervalFlavour,
    IntervalRegistration,
    IntervalSubscriber,
    MmapWriteGuard,
    Registration,
    Shared,
    SharedRef,
    TaskContext, //
};

/// The address space that a subscriber is attached to, and the way to register there.
pub(crate) struct Place<'a> {
    /// The address space.
    pub(crate) mm: &'a MmWithUser,
    /// Whether to take the mmap lock and to register under it, as `__mmu_notifier_register()`
    /// requires, instead of leaving the lock to `mmu_notifier_register()`.
    pub(crate) locked: bool,
    /// The process that has the address space, by its id in the initial pid namespace.
    pub(crate) pid: Pid,
    /// Proves that the caller runs in no callback, so that it may sleep.
    pub(crate) task: &'a mut TaskContext,
}

impl Place<'_> {
    /// Registers a subscriber to the whole address space. Sleeps.
    ///
    /// # Errors
    ///
    /// As [`Registration::new`].
    pub(super) fn register<F: Flavour, E>(
        &mut self,
        subscriber: impl PinInit<F::Subscriber, E>,
    ) -> Result<Registration<F>>
    where
        Error: From<E>,
    {
        if self.locked {
            Registration::new_locked(&MmapWriteGuard::lock(self.mm, self.task)?, subscriber)
        } else {
            Registration::new(self.mm, subscriber, self.task)
        }
    }

    /// Registers a subscriber to `range`, in bytes, half-open, with its user `lock`. Sleeps.
    ///
    /// # Errors
    ///
    /// As [`IntervalRegistration::new`].
    pub(super) fn register_interval<F: IntervalFlavour, E>(
        &mut self,
        range: Range<usize>,
        subscriber: impl PinInit<F::Subscriber, E>,
        lock: impl PinInit<<F::Subscriber as IntervalSubscriber>::UserLock>,
    ) -> Result<IntervalRegistration<F>>
    where
        Error: From<E>,
    {
        if self.locked {
            let locked = MmapWriteGuard::lock(self.mm, self.task)?;

            IntervalRegistration::new_locked(&locked, range, subscriber, lock)
        } else {
            IntervalRegistration::new(self.mm, range, subscriber, lock, self.task)
        }
    }

    /// Returns the subscriber that `domain` has for the address space; makes and registers it if
    /// there is none. Sleeps.
    ///
    /// # Errors
    ///
    /// As [`Domain::get`].
    pub(super) fn share<F: Flavour>(&mut self, domain: &Arc<Domain<F>>) -> Result<SharedRef<F>>
    where
        F::Subscriber: Shared,
    {
        if self.locked {
            domain.get_locked(&MmapWriteGuard::lock(self.mm, self.task)?)
        } else {
            domain.get(self.mm, self.task)
        }
    }
}
