// SPDX-License-Identifier: GPL-2.0

//! A subscriber of any kind, attached to an address space.

use core::{
    ops::Range,
    pin::Pin, //
};

use kernel::{
    mm::MmWithUser,
    new_spinlock,
    prelude::*,
    sync::Arc,
    task::Pid, //
};

use super::{
    aging::Aging,
    chained::{
        ChainDevice,
        Member, //
    },
    counter::Counter,
    faulty::{
        Fault,
        Faulty, //
    },
    mirror,
    secondary_tlb::Iommu,
    shared::{
        self,
        SharedCounter, //
    },
    trylock::Trylock,
    two_pass::{
        Binding,
        Userptr, //
    },
    Statistics, //
};
use crate::{
    ffi::uapi::{
        mnck_kind,
        mnck_policy,
        mnck_stats,
        MNCK_KIND_AGING,
        MNCK_KIND_CHAIN,
        MNCK_KIND_COUNTER,
        MNCK_KIND_FAULTY,
        MNCK_KIND_MIRROR,
        MNCK_KIND_SECONDARY_TLB,
        MNCK_KIND_SHARED,
        MNCK_KIND_TRYLOCK,
        MNCK_KIND_TWO_PASS, //
    },
    mmu_notifier::{
        Bare,
        Domain,
        Flavour,
        IntervalFlavour,
        IntervalRegistration,
        IntervalSubscriber,
        MmapWriteGuard,
        Registration,
        Shared,
        SharedRef,
        StartEnd,
        StartOnly,
        TaskContext,
        TlbOnly,
        TwoPasses, //
    },
};

/// Where a subscriber is attached, and how.
pub(crate) struct Place<'a> {
    /// The address space.
    pub(crate) mm: &'a MmWithUser,
    /// Whether to take the mmap lock and register under it.
    pub(crate) locked: bool,
    /// Whose it is.
    pub(crate) pid: Pid,
    /// The caller is in no callback.
    pub(crate) task: &'a mut TaskContext,
}

impl Place<'_> {
    /// Registers a subscriber to all of the address space.
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

    /// Registers a subscriber to `range`, with its user lock.
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

    /// The subscriber that the address space has of `domain`.
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

/// A model subscriber, attached to an mm. Detached on drop, under the rules for dropping a
/// [`Registration`].
pub(crate) struct Attached {
    model: Model,
    statistics: Arc<Statistics>,
}

enum Model {
    Counter(#[expect(dead_code, reason = "held for its drop")] Registration<StartEnd<Counter>>),
    Trylock(Registration<StartOnly<Trylock>>),
    Mirror(mirror::Device),
    TwoPass(
        #[expect(dead_code, reason = "held for its drop")] IntervalRegistration<TwoPasses<Userptr>>,
    ),
    SecondaryTlb(#[expect(dead_code, reason = "held for its drop")] Registration<TlbOnly<Iommu>>),
    Aging(Registration<Bare<Aging>>),
    Chain(ChainDevice),
    Member(Member),
    Shared(#[expect(dead_code, reason = "held for its drop")] SharedRef<StartEnd<SharedCounter>>),
    Faulty(#[expect(dead_code, reason = "held for its drop")] Faulty),
}

impl Attached {
    /// Attaches a subscriber of `kind` at `place`, to `range` of it, in bytes, page-aligned, if it
    /// is of a kind that wants one, and with a `fault` if that is what it is for. May sleep.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: unknown kind, policy or fault; or there is a range, a policy or a fault and the
    ///   kind wants none, or the reverse.
    /// - [`EINTR`], [`ENOMEM`]: as [`Registration::new`].
    pub(crate) fn new(
        kind: mnck_kind,
        range: Option<Range<usize>>,
        policy: mnck_policy,
        fault: &Fault,
        place: &mut Place<'_>,
    ) -> Result<Self> {
        let wants_range = match kind {
            MNCK_KIND_MIRROR | MNCK_KIND_TWO_PASS => true,
            MNCK_KIND_FAULTY => fault.wants_range(),
            _ => false,
        };
        if range.is_some() != wants_range
            || (kind != MNCK_KIND_FAULTY && !fault.is_none())
            || (kind != MNCK_KIND_CHAIN && policy != 0)
        {
            return Err(EINVAL);
        }
        let range = range.unwrap_or_default();

        if kind == MNCK_KIND_SHARED {
            // The subscriber may have been there before, with its statistics.
            let shared = shared::attach(place)?;
            let statistics = shared.subscriber().statistics().clone();

            statistics.watch().set_target(place.pid);
            return Ok(Self {
                model: Model::Shared(shared),
                statistics,
            });
        }

        let statistics = Statistics::new(name(kind))?;

        statistics.watch().set_target(place.pid);
        let count_in = statistics.clone();
        let model = match kind {
            MNCK_KIND_COUNTER => Model::Counter(place.register(Counter::new(count_in))?),
            MNCK_KIND_TRYLOCK => Model::Trylock(place.register(Trylock::new(count_in))?),
            MNCK_KIND_MIRROR => Model::Mirror(mirror::Device::attach(place, range, count_in)?),
            MNCK_KIND_TWO_PASS => Model::TwoPass(place.register_interval(
                range,
                Userptr::new(count_in),
                new_spinlock!(Binding::new(), "Userptr::binding"),
            )?),
            MNCK_KIND_SECONDARY_TLB => Model::SecondaryTlb(place.register(Iommu::new(count_in))?),
            MNCK_KIND_AGING => Model::Aging(place.register(Aging::new(count_in))?),
            MNCK_KIND_CHAIN => Model::Chain(ChainDevice::attach(place, policy, count_in)?),
            MNCK_KIND_FAULTY => Model::Faulty(Faulty::attach(fault, range, place, count_in)?),
            _ => return Err(EINVAL),
        };

        Ok(Self { model, statistics })
    }

    /// Attaches a subscriber of `kind` to this, which must be a chain. May sleep.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: it is none, or there is no member of this kind.
    /// - [`ESRCH`], [`EINTR`], [`ENOMEM`]: as [`Chain::join`](crate::chain::Chain::join).
    pub(crate) fn join(
        &self,
        kind: mnck_kind,
        fault: &Fault,
        task: &mut TaskContext,
    ) -> Result<Self> {
        let Model::Chain(chain) = &self.model else {
            return Err(EINVAL);
        };
        let statistics = Statistics::new(name(kind))?;

        if let Some(target) = self.statistics.watch().target() {
            statistics.watch().set_target(target);
        }
        Ok(Self {
            model: Model::Member(chain.join(kind, fault, statistics.clone(), task)?),
            statistics,
        })
    }

    /// Whether it can't be detached now, being a chain with members.
    pub(crate) fn is_busy(&self) -> bool {
        match &self.model {
            Model::Chain(chain) => chain.has_members(),
            _ => false,
        }
    }

    /// What the subscriber has seen so far.
    pub(crate) fn statistics(&self) -> mnck_stats {
        read(&self.statistics)
    }

    /// Detaches the subscriber, of which this must be the last reference, and what it has seen in
    /// all. Sleeps until no callback runs, unless it is shared.
    pub(crate) fn detach(this: Arc<Self>) -> mnck_stats {
        let statistics = this.statistics.clone();
        let shared = matches!(this.model, Model::Shared(_));

        drop(this);
        if !shared {
            statistics.watch().over();
        }
        read(&statistics)
    }

    /// The subscriber, which must be a trylock; else [`EINVAL`].
    pub(crate) fn trylock(&self) -> Result<Pin<&Trylock>> {
        match &self.model {
            Model::Trylock(registration) => Ok(registration.subscriber()),
            Model::Member(Member::Trylock(membership)) => Ok(membership.subscriber()),
            _ => Err(EINVAL),
        }
    }

    /// The subscriber, which must be a mirror; else [`EINVAL`].
    pub(crate) fn mirror(&self) -> Result<&mirror::Device> {
        match &self.model {
            Model::Mirror(device) => Ok(device),
            _ => Err(EINVAL),
        }
    }

    /// The subscriber, which must be an aging one; else [`EINVAL`].
    pub(crate) fn aging(&self) -> Result<Pin<&Aging>> {
        match &self.model {
            Model::Aging(registration) => Ok(registration.subscriber()),
            _ => Err(EINVAL),
        }
    }

    /// Releases the lock that a callback could wait for, if the session holds it.
    pub(crate) fn let_go(&self) {
        if let Ok(trylock) = self.trylock() {
            // That it is not held is no error here.
            let _ = trylock.release_lock();
        }
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        // A start that waits for the lock would keep the unregistering waiting.
        self.let_go();
    }
}

/// What a subscriber of `kind` is called.
fn name(kind: mnck_kind) -> &'static CStr {
    match kind {
        MNCK_KIND_COUNTER => c"counter",
        MNCK_KIND_TRYLOCK => c"trylock",
        MNCK_KIND_MIRROR => c"mirror",
        MNCK_KIND_TWO_PASS => c"two_pass",
        MNCK_KIND_SECONDARY_TLB => c"secondary_tlb",
        MNCK_KIND_AGING => c"aging",
        MNCK_KIND_CHAIN => c"chain",
        MNCK_KIND_FAULTY => c"faulty",
        _ => c"unknown",
    }
}

/// What `statistics` say, and what the module says.
fn read(statistics: &Statistics) -> mnck_stats {
    let mut stats = statistics.read();

    (stats.made, stats.freed) = shared::census();
    stats
}
