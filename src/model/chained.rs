// SPDX-License-Identifier: GPL-2.0

//! Model subscribers in a chain.
//!
//! A [`Counter`] counts there as elsewhere. A [`Trylock`] has what the core does not let it have, an
//! end: so it is what RDMA on-demand paging was in 2019.

use core::pin::Pin;

use kernel::{
    mm::Mm,
    prelude::*,
    sync::Arc,
    warn_on, //
};

use super::{
    attached::Place,
    counter::Counter,
    driver::Driver,
    faulty::{
        self,
        Fault, //
    },
    trylock::Trylock,
    Statistics, //
};
use crate::{
    chain::{
        self,
        Chain,
        Ending,
        Membership,
        Policy, //
    },
    ffi::uapi::{
        mnck_kind,
        mnck_policy,
        MNCK_KIND_COUNTER,
        MNCK_KIND_FAULTY,
        MNCK_KIND_TRYLOCK,
        MNCK_POLICY_ALL,
        MNCK_POLICY_EXACT,
        MNCK_POLICY_SKIP, //
    },
    mmu_notifier::{
        CallbackContext,
        Range,
        RangeId,
        TaskContext,
        WouldBlock, //
    },
    module_parameters, //
};

/// A chain, attached, with its own statistics.
pub(super) struct ChainDevice {
    // Goes first, and says so to its members.
    chain: Chain,
    _account: Membership<Account>,
}

/// What a chain counts itself, as a member that comes before all others. No rule is for it.
struct Account(Arc<Statistics>);

impl chain::Subscriber for Account {
    type Value = ();

    fn start<'c>(
        self: Pin<&Self>,
        range: &Range,
        _context: CallbackContext<'c>,
    ) -> Result<(), WouldBlock<'c>> {
        self.0.start_in_chain(range);
        Ok(())
    }

    fn end(self: Pin<&Self>, (): (), ending: Ending<'_>) {
        match ending {
            Ending::Range(..) => self.0.end_in_chain(),
            Ending::Gone => self.0.gone(),
        }
    }

    fn release(self: Pin<&Self>, _mm: &Mm) {
        self.0.release_in_chain();
    }
}

impl ChainDevice {
    /// Attaches a chain at `place`, whose first member counts in `statistics`.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: unknown policy.
    /// - As [`Chain::new`] and [`Chain::join`].
    pub(super) fn attach(
        place: &mut Place<'_>,
        policy: mnck_policy,
        statistics: Arc<Statistics>,
    ) -> Result<Self> {
        let policy = match policy {
            MNCK_POLICY_EXACT => Policy::Exact,
            MNCK_POLICY_SKIP => Policy::Skip,
            MNCK_POLICY_ALL => Policy::All,
            _ => return Err(EINVAL),
        };
        let reserved = module_parameters::chain_slots.value() as usize;
        let chain = Chain::new(place.mm, policy, reserved, place.task)?;

        Ok(Self {
            _account: chain.join(Account(statistics), place.task)?,
            chain,
        })
    }

    /// Attaches a member of `kind`, with a `fault` if it is a driver, which counts in `statistics`.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: there is no member of this kind, or with this fault.
    /// - As [`Chain::join`].
    pub(super) fn join(
        &self,
        kind: mnck_kind,
        fault: &Fault,
        statistics: Arc<Statistics>,
        task: &mut TaskContext,
    ) -> Result<Member> {
        if kind != MNCK_KIND_FAULTY && !fault.is_none() {
            return Err(EINVAL);
        }

        match kind {
            MNCK_KIND_COUNTER => Ok(Member::Counter(
                self.chain.join(Counter::new(statistics), task)?,
            )),
            MNCK_KIND_TRYLOCK => Ok(Member::Trylock(
                self.chain.join(Trylock::new(statistics), task)?,
            )),
            MNCK_KIND_FAULTY => {
                let driver = faulty::driver(fault, self.chain.mm(), statistics)?;

                Ok(Member::Driver(self.chain.join(driver, task)?))
            }
            _ => Err(EINVAL),
        }
    }

    /// Whether there are members beside its own.
    pub(super) fn has_members(&self) -> bool {
        self.chain.len() > 1
    }
}

/// A member of a chain, attached.
pub(super) enum Member {
    Counter(#[expect(dead_code, reason = "held for its drop")] Membership<Counter>),
    Trylock(Membership<Trylock>),
    Driver(#[expect(dead_code, reason = "held for its drop")] Membership<Driver>),
}

/// What a start leaves for its end: which range it was called for, and where that is, in bytes.
pub(crate) struct Opened {
    id: RangeId,
    start: usize,
    end: usize,
}

impl Opened {
    /// Counts a start of `range`, of a member.
    pub(super) fn new(range: &Range, statistics: &Statistics) -> Self {
        statistics.start_in_chain(range);
        statistics.watch().started(range);
        Self {
            id: range.id(),
            start: range.start(),
            end: range.end(),
        }
    }

    /// Counts the end in `statistics`. It must be for the range of the start.
    pub(super) fn end(self, ending: Ending<'_>, statistics: &Statistics) {
        match ending {
            Ending::Range(range, _context) => {
                warn_on!((range.start(), range.end()) != (self.start, self.end));
                statistics.watch().ended(range);
                statistics.end_in_chain();
            }
            Ending::Gone => {
                statistics.watch().closed(self.id);
                statistics.gone();
            }
        }
    }
}
