// SPDX-License-Identifier: GPL-2.0

//! A subscriber that is shared: each address space has at most one, just as a process has one
//! `struct kfd_process` however often it opens the GPU.
//!
//! The first attach makes the subscriber. The last detach frees it, some time later and without
//! waiting: `drivers/gpu/drm/amd/amdkfd/kfd_process.c`. The subscriber is a
//! [`counter`](super::counter).

use core::pin::Pin;

use kernel::{
    mm::Mm,
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Relaxed,
            Release, //
        },
        Arc, //
    }, //
};

use super::{
    counter::Counter,
    place::Place,
    statistics::{
        Counting,
        Statistics, //
    }, //
};
use crate::{
    ffi::{
        Global,
        Published, //
    },
    mmu_notifier::{
        AtomicDrop,
        CallbackContext,
        Domain,
        Paired,
        Range,
        Shared,
        SharedRef,
        StartEnd,
        Subscriber, //
    },
};

/// The subscriber: see the module's documentation.
pub(super) struct SharedCounter {
    counter: Counter,
}

/// How many subscribers were made, and how many of these were freed, since the module was loaded.
static MADE: Atomic<u64> = Atomic::new(0);
static FREED: Atomic<u64> = Atomic::new(0);

type Counters = Domain<StartEnd<SharedCounter>>;

/// The domain, from the module's init to its exit.
static DOMAIN: Global<Counters> = Global::new();

/// The domain of all shared subscribers of the module. After its drop no subscriber can be
/// attached.
pub(crate) struct SharedDomain(
    #[expect(dead_code, reason = "held for its drop")] Published<Counters>,
);

impl SharedDomain {
    /// Makes the domain. May sleep.
    ///
    /// # Errors
    ///
    /// - [`EBUSY`]: there already is a domain.
    /// - [`ENOMEM`]: out of memory.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(DOMAIN.publish(Domain::new()?)?))
    }
}

/// Returns the subscriber of the address space at `place`; makes and registers it if there is none.
/// Sleeps.
///
/// # Errors
///
/// - [`ENODEV`]: the module is being removed.
/// - As [`Domain::get`].
pub(super) fn attach(place: &mut Place<'_>) -> Result<SharedRef<StartEnd<SharedCounter>>> {
    let domain = DOMAIN.get().ok_or(ENODEV)?;

    place.share(&domain)
}

/// Returns how many subscribers were made, and how many of these were freed.
pub(super) fn census() -> (u64, u64) {
    // In this order, so that the first number is never less than the second.
    let freed = FREED.load(Acquire);

    (MADE.load(Relaxed), freed)
}

impl SharedCounter {
    /// Returns the statistics that it counts in.
    pub(super) fn statistics(&self) -> &Arc<Statistics> {
        &self.counter.statistics
    }

    fn counter(self: Pin<&Self>) -> Pin<&Counter> {
        Pin::new(&self.get_ref().counter)
    }
}

impl Shared for SharedCounter {
    fn new(mm: &Mm) -> impl PinInit<Self, Error> {
        let statistics = Statistics::new(c"shared", mm);

        try_init!(Self {
            counter: Counter::new(Counting::new(statistics?)),
            _: {
                MADE.add(1, Relaxed);
            },
        })
    }
}

impl Drop for SharedCounter {
    fn drop(&mut self) {
        FREED.fetch_add(1, Release);
    }
}

// Its drop frees the statistics with `kfree()`, unless the session still has a reference to them.
impl AtomicDrop for SharedCounter {}

#[vtable]
impl Subscriber for SharedCounter {
    fn release(self: Pin<&Self>, mm: &Mm) {
        self.counter().release(mm);
    }
}

impl Paired for SharedCounter {
    fn start(self: Pin<&Self>, range: &Range, context: CallbackContext<'_>) {
        self.counter().start(range, context);
    }

    fn end(self: Pin<&Self>, range: &Range, context: CallbackContext<'_>) {
        self.counter().end(range, context);
    }
}
