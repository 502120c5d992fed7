// SPDX-License-Identifier: GPL-2.0

//! The table of all kinds: attaches a model subscriber of any kind.
//!
//! No other file of this directory uses all kinds. The kinds do not use this file.

use core::{
    ops::Range,
    pin::Pin, //
};

use kernel::{
    new_spinlock,
    prelude::*,
    sync::Arc,
    task::Pid, //
};

use super::{
    aging::Aging,
    chain_device::ChainDevice,
    counter::Counter,
    destination::{
        Destination,
        Subscription, //
    },
    mirror,
    place::Place,
    secondary_tlb::Iommu,
    shared::{
        self,
        SharedCounter, //
    },
    statistics::{
        Counting,
        Statistics, //
    },
    trylock::Trylock,
    two_pass::{
        Binding,
        Userptr, //
    },
};
use crate::{
    event::Wait,
    ffi::uapi::{
        mnck_kind,
        mnck_stats,
        MNCK_KIND_AGING,
        MNCK_KIND_CHAIN,
        MNCK_KIND_COUNTER,
        MNCK_KIND_MIRROR,
        MNCK_KIND_SECONDARY_TLB,
        MNCK_KIND_SHARED,
        MNCK_KIND_TRYLOCK,
        MNCK_KIND_TWO_PASS, //
    },
    mmu_notifier::{
        Bare,
        IntervalRegistration,
        Registration,
        SharedRef,
        StartEnd,
        StartOnly,
        TaskContext,
        TlbOnly,
        TwoPasses, //
    },
};

/// A model subscriber of any kind, attached to an address space or to a chain. Detached on drop,
/// under the rules for dropping a [`Registration`].
pub(crate) struct Attached {
    /// Always there, but in the drop.
    model: Option<Model>,
    statistics: Arc<Statistics>,
}

/// A subscriber of each kind, attached.
enum Model {
    Counter(Subscription<StartEnd<Counter>>),
    Trylock(Subscription<StartOnly<Trylock>>),
    Mirror(mirror::Device),
    TwoPass(
        #[expect(dead_code, reason = "held for its drop")] IntervalRegistration<TwoPasses<Userptr>>,
    ),
    SecondaryTlb(#[expect(dead_code, reason = "held for its drop")] Registration<TlbOnly<Iommu>>),
    Aging(Registration<Bare<Aging>>),
    Shared(#[expect(dead_code, reason = "held for its drop")] SharedRef<StartEnd<SharedCounter>>),
    Chain(ChainDevice),
}

impl Attached {
    /// Attaches a subscriber of `kind` to an address space. Sleeps.
    ///
    /// `range`, in bytes, half-open, page-aligned, is the part of the address space that the
    /// subscriber subscribes to, for the kinds that subscribe to a part.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: `kind` is unknown; or it takes no range and one is given; or it takes a range
    ///   and none is given.
    /// - [`EINTR`], [`ENOMEM`]: as [`Registration::new`].
    pub(crate) fn new(
        kind: mnck_kind,
        range: Option<Range<usize>>,
        place: &mut Place<'_>,
    ) -> Result<Self> {
        let wants_range = matches!(kind, MNCK_KIND_MIRROR | MNCK_KIND_TWO_PASS);

        if range.is_some() != wants_range {
            return Err(EINVAL);
        }
        let range = range.unwrap_or_default();

        if kind == MNCK_KIND_SHARED {
            // The subscriber may have been attached before, and have statistics.
            let shared = shared::attach(place)?;
            let statistics = shared.subscriber().statistics().clone();

            statistics.watch().set_target(place.pid);
            return Ok(Self {
                model: Some(Model::Shared(shared)),
                statistics,
            });
        }

        let pid = Some(place.pid);
        Self::attach(kind, range, Destination::Place(place), pid)
    }

    /// Attaches a subscriber of `kind` to `self`, which must be a chain. Sleeps.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: `self` is no chain, or no member of a chain can be of this kind.
    /// - [`ESRCH`], [`EINTR`], [`ENOMEM`]: as [`Chain::join`](crate::chain::Chain::join).
    pub(crate) fn join(&self, kind: mnck_kind, task: &mut TaskContext) -> Result<Self> {
        let Some(Model::Chain(device)) = &self.model else {
            return Err(EINVAL);
        };

        let pid = self.statistics.watch().target();
        let to = Destination::Chain(device.chain(), task);

        Self::attach(kind, 0..0, to, pid)
    }

    /// Attaches a subscriber of `kind`, which is not shared, to the process `pid`, if that is
    /// known.
    fn attach(
        kind: mnck_kind,
        range: Range<usize>,
        mut to: Destination<'_, '_>,
        pid: Option<Pid>,
    ) -> Result<Self> {
        let statistics = Statistics::new(name(kind), to.mm())?;

        if let Some(pid) = pid {
            statistics.watch().set_target(pid);
        }
        let count_in = Counting::new(statistics.clone());
        let model = match (kind, &mut to) {
            (MNCK_KIND_COUNTER, to) => Model::Counter(to.attach(Counter::new(count_in))?),
            (MNCK_KIND_TRYLOCK, to) => Model::Trylock(to.attach(Trylock::new(count_in))?),
            (MNCK_KIND_MIRROR, Destination::Place(place)) => {
                Model::Mirror(mirror::Device::attach(place, range, count_in)?)
            }
            (MNCK_KIND_TWO_PASS, Destination::Place(place)) => {
                let binding = new_spinlock!(Binding::new(), "Userptr::binding");

                Model::TwoPass(place.register_interval(range, Userptr::new(count_in), binding)?)
            }
            (MNCK_KIND_SECONDARY_TLB, Destination::Place(place)) => {
                Model::SecondaryTlb(place.register(Iommu::new(count_in))?)
            }
            (MNCK_KIND_AGING, Destination::Place(place)) => {
                Model::Aging(place.register(Aging::new(count_in))?)
            }
            (MNCK_KIND_CHAIN, Destination::Place(place)) => {
                Model::Chain(ChainDevice::attach(place, count_in)?)
            }
            // The kind is unknown, or it cannot be a member of a chain.
            _ => return Err(EINVAL),
        };

        Ok(Self {
            model: Some(model),
            statistics,
        })
    }

    /// Returns whether the subscriber cannot be detached now, because it is a chain with members.
    pub(crate) fn is_busy(&self) -> bool {
        match &self.model {
            Some(Model::Chain(device)) => device.has_members(),
            _ => false,
        }
    }

    /// Returns what the subscriber has seen so far.
    pub(crate) fn statistics(&self) -> mnck_stats {
        read(&self.statistics)
    }

    /// Detaches the subscriber, of which `this` must be the last reference, and returns all that it
    /// has seen. Sleeps until none of its callbacks runs, unless it is shared.
    pub(crate) fn detach(this: Arc<Self>) -> mnck_stats {
        let statistics = this.statistics.clone();

        drop(this);
        read(&statistics)
    }

    /// Returns the subscriber, which must be a trylock; else [`EINVAL`].
    pub(crate) fn trylock(&self) -> Result<Pin<&Trylock>> {
        match &self.model {
            Some(Model::Trylock(subscription)) => Ok(subscription.subscriber()),
            _ => Err(EINVAL),
        }
    }

    /// Returns the subscriber, which must be a mirror; else [`EINVAL`].
    pub(crate) fn mirror(&self) -> Result<&mirror::Device> {
        match &self.model {
            Some(Model::Mirror(device)) => Ok(device),
            _ => Err(EINVAL),
        }
    }

    /// Returns the subscriber, which must be an aging one; else [`EINVAL`].
    pub(crate) fn aging(&self) -> Result<Pin<&Aging>> {
        match &self.model {
            Some(Model::Aging(registration)) => Ok(registration.subscriber()),
            _ => Err(EINVAL),
        }
    }

    /// Releases the lock that a callback may wait for, if the session holds it.
    pub(crate) fn let_go(&self) {
        if let Ok(trylock) = self.trylock() {
            // It is no error here if the session does not hold the lock.
            let _ = trylock.release_lock();
        }
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        // Unregistering waits for every start, and a start may wait for the lock.
        self.let_go();

        let model = self.model.take();
        let wait = match &model {
            Some(Model::Mirror(_) | Model::TwoPass(_)) => Wait::Remove,
            // The drop of the first does not wait; a chain's member waits for its own chain.
            Some(
                Model::Shared(_)
                | Model::Counter(Subscription::Membership(_))
                | Model::Trylock(Subscription::Membership(_)),
            )
            | None => return,
            _ => Wait::Unregister,
        };
        self.statistics.watch().while_waiting(wait, || drop(model));
    }
}

/// Returns what reports call a subscriber of `kind`.
fn name(kind: mnck_kind) -> &'static CStr {
    match kind {
        MNCK_KIND_COUNTER => c"counter",
        MNCK_KIND_TRYLOCK => c"trylock",
        MNCK_KIND_MIRROR => c"mirror",
        MNCK_KIND_TWO_PASS => c"two_pass",
        MNCK_KIND_SECONDARY_TLB => c"secondary_tlb",
        MNCK_KIND_AGING => c"aging",
        MNCK_KIND_CHAIN => c"chain",
        _ => c"unknown",
    }
}

/// Returns `statistics`, and how many shared subscribers of the module were made and freed.
fn read(statistics: &Statistics) -> mnck_stats {
    let mut stats = statistics.read();

    (stats.made, stats.freed) = shared::census();
    stats
}
