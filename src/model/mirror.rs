// SPDX-License-Identifier: GPL-2.0

//! A subscriber with a shadow of a part of the page tables, as a device under HMM has.
//!
//! The device's page table is filled on demand and emptied by invalidations: `lib/test_hmm.c`. A
//! look-up is repeated if an invalidation came between it and the installation of its result. The
//! lock is a mutex. An invalidation that may not sleep tries to take the mutex, and refuses if the
//! mutex is taken.

use core::{
    ops::Range,
    pin::Pin, //
};

use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        Mutex, //
    },
    time::{
        Delta,
        Instant,
        Monotonic, //
    }, //
};

use super::{
    gate::Gate,
    pages::{
        self,
        Pages,
        Reserved, //
    },
    place::Place,
    statistics::{
        fact,
        Counting, //
    }, //
};
use crate::{
    event::Callback,
    ffi::current_is_killed,
    mmu_notifier::{
        CallbackContext,
        Done,
        Interval,
        IntervalRegistration,
        IntervalSubscriber,
        Invalidate,
        OnePass,
        TaskContext,
        WouldBlock, //
    },
};

#[cfg(CONFIG_HMM_MIRROR)]
use crate::{
    ffi::uapi::{
        MNCK_PAGE_PRESENT,
        MNCK_PAGE_WRITABLE, //
    },
    mmu_notifier::{
        PageBuffer,
        PageEntry, //
    },
};

/// The time limit of a fault, not counting the time that it waits at the gate.
const FAULT_LIMIT: Delta = Delta::from_secs(1);

/// The subscriber: see the module's documentation.
#[pin_data]
pub(super) struct Mirror {
    statistics: Counting,

    /// A place where a fault or a hold waits until a user lets it go. It models the time that a
    /// driver takes, with its lock held or without.
    #[pin]
    gate: Gate,
}

impl Mirror {
    fn new(statistics: Counting) -> impl PinInit<Self> {
        pin_init!(Self {
            statistics,
            gate <- Gate::new(),
        })
    }

    /// Waits at the gate until a user lets one waiter go. Sleeps. `has_lock` says whether the caller
    /// has the user lock.
    ///
    /// # Errors
    ///
    /// As [`Gate::wait`].
    fn wait(&self, has_lock: bool) -> Result {
        self.statistics.while_waiting(|| self.gate.wait(has_lock))
    }
}

#[vtable]
impl IntervalSubscriber for Mirror {
    /// Protects the shadow: the entry of each page, as user space sees it.
    ///
    /// Taken under the locks of mm, so under this lock nothing may be allocated with direct reclaim
    /// and no user memory may be touched. The lock of the statistics is taken under it.
    type UserLock = Mutex<Pages<u64>>;
}

impl Interval for Mirror {
    fn invalidate<'c>(
        self: Pin<&Self>,
        invalidation: Invalidate<'_, 'c, Self>,
        context: CallbackContext<'c>,
    ) -> Result<Done<'c>, WouldBlock<'c>> {
        let range = invalidation.range();
        let _scope = self.statistics.enter(Callback::Invalidate, Some(range));

        self.statistics
            .watch()
            .invalidated(fact(range), invalidation.sequence());
        let press =
            matches!(context, CallbackContext::Blockable(_)).then(|| self.get_ref().gate.press());
        let mut shadow = invalidation
            .lock_or_refuse(&context)
            .inspect_err(|_| self.statistics.refuse(range))?;
        drop(press);

        self.statistics.start(range);
        shadow.remove(range.start()..range.end());
        // A driver flushes the device's TLB here.
        Ok(shadow.done())
    }
}

/// A mirror, attached, and the calls by which user space acts as its device. Ranges are in bytes,
/// half-open, page-aligned.
pub(crate) struct Device {
    registration: IntervalRegistration<OnePass<Mirror>>,
    range: Range<usize>,
}

impl Device {
    /// Attaches a mirror of `range` with an empty shadow. Sleeps.
    ///
    /// # Errors
    ///
    /// As [`IntervalRegistration::new`].
    pub(super) fn attach(
        place: &mut Place<'_>,
        range: Range<usize>,
        statistics: Counting,
    ) -> Result<Self> {
        Ok(Self {
            registration: place.register_interval(
                range.clone(),
                Mirror::new(statistics),
                new_mutex!(Pages::new(), "Mirror::shadow"),
            )?,
            range,
        })
    }

    /// Faults the pages of `range` in, for writing if `write`, and installs them in the shadow. If
    /// `wait`, waits at the gate after each look-up. Sleeps.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: `range` is not within the range of the subscriber.
    /// - [`ESRCH`]: the address space has gone.
    /// - [`EBUSY`]: invalidations have made every look-up of one second useless.
    /// - [`EINTR`]: the caller was killed.
    /// - [`ETIMEDOUT`]: no user opened the gate within `wait_limit_ms`.
    /// - [`EFAULT`], [`EPERM`]: as [`ReadSection::fault_in`](crate::mmu_notifier::ReadSection).
    /// - [`EOPNOTSUPP`]: this kernel has no `CONFIG_HMM_MIRROR`.
    /// - [`ENOSPC`]: the shadow would have more than `MNCK_MAX_PAGES` pages.
    /// - [`ENOMEM`]: out of memory.
    #[cfg(CONFIG_HMM_MIRROR)]
    pub(crate) fn fault(
        &self,
        range: Range<usize>,
        write: bool,
        wait: bool,
        task: &mut TaskContext,
    ) -> Result {
        let mirror = self.registration.subscriber();
        // Allocated before the lock is taken, under which allocations are forbidden.
        let count = self.count(&range)?;
        let reserved = Reserved::new(count)?;
        let mut buffer = PageBuffer::new(count)?;
        let begin = Instant::<Monotonic>::now();
        let mut waited = Delta::ZERO;

        let mut found = loop {
            let section = mirror
                .statistics
                .watch()
                .while_waiting(crate::event::Wait::ReadBegin, || {
                    self.registration.read_begin(task)
                });
            // The reference keeps the address space from exiting, so it is dropped at once.
            let user = self.registration.mm().mmget_not_zero().ok_or(ESRCH)?;
            let faulted = section.fault_in(&user, range.clone(), write, &mut buffer, task);
            drop(user);

            match faulted {
                Ok(faulted) => {
                    if wait {
                        let arrival = Instant::<Monotonic>::now();

                        mirror.wait(false)?;
                        waited += arrival.elapsed();
                    }
                    if let Ok(found) = faulted.lock(task) {
                        break found;
                    }
                }
                Err(EBUSY) => (),
                Err(error) => return Err(error),
            }

            mirror.statistics.retry();
            if current_is_killed() {
                return Err(EINTR);
            }
            if begin.elapsed() - waited > FAULT_LIMIT {
                return Err(EBUSY);
            }
        };

        let (shadow, entries) = found.parts();
        shadow.insert(
            reserved,
            pages::addresses(range).zip(entries.iter().copied().map(for_user)),
        )
    }

    /// Fails with [`EOPNOTSUPP`], because this kernel has no HMM.
    #[cfg(not(CONFIG_HMM_MIRROR))]
    pub(crate) fn fault(&self, _: Range<usize>, _: bool, _: bool, _: &mut TaskContext) -> Result {
        Err(EOPNOTSUPP)
    }

    /// Returns the entries of the pages of `range`, 0 for a page that is not in the shadow. Sleeps
    /// until it has the lock.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: `range` is not within the range of the subscriber.
    /// - [`ENOMEM`]: out of memory.
    pub(crate) fn read(&self, range: Range<usize>, task: &mut TaskContext) -> Result<KVec<u64>> {
        let mut entries = KVec::from_elem(0, self.count(&range)?, GFP_KERNEL_ACCOUNT)?;
        let shadow = self.registration.lock(task);

        for (entry, page) in entries.iter_mut().zip(pages::addresses(range)) {
            *entry = shadow.get(page).copied().unwrap_or(0);
        }
        drop(shadow);
        Ok(entries)
    }

    /// Takes the lock and holds it while it waits at the gate. Sleeps.
    ///
    /// # Errors
    ///
    /// - [`EINTR`]: the caller was killed.
    /// - [`ETIMEDOUT`]: no user opened the gate within `wait_limit_ms`, or before the patience of an
    ///   invalidation ended.
    pub(crate) fn hold(&self, task: &mut TaskContext) -> Result {
        let _shadow = self.registration.lock(task);

        self.registration.subscriber().wait(true)
    }

    /// Opens the gate for one waiter, or for the next one to come. Never sleeps.
    pub(crate) fn let_go(&self) {
        self.registration.subscriber().get_ref().gate.let_go();
    }

    /// Returns the number of pages in `range`; [`EINVAL`] if `range` is not within the range of the
    /// subscriber.
    fn count(&self, range: &Range<usize>) -> Result<usize> {
        if range.start < self.range.start || range.end > self.range.end {
            return Err(EINVAL);
        }
        Ok(pages::count(range))
    }
}

/// Returns the entry of `page` as user space sees it: see `MNCK_PAGE_PRESENT`.
#[cfg(CONFIG_HMM_MIRROR)]
fn for_user(page: PageEntry) -> u64 {
    let writable = if page.is_writable() {
        MNCK_PAGE_WRITABLE
    } else {
        0
    };

    page.pfn().map_or(0, |pfn| {
        (pfn as u64) << 2 | u64::from(MNCK_PAGE_PRESENT | writable)
    })
}
