// SPDX-License-Identifier: GPL-2.0

//! Model subscribers in a chain.
//!
//! A [`Counter`] counts there as elsewhere. A [`Trylock`] has what the core does not let it have, an
//! end: so it is what RDMA on-demand paging was in 2019.

use kernel::{
    prelude::*,
    sync::Arc,
    warn_on, //
};

use super::{
    attached::Place,
    counter::Counter,
    trylock::Trylock,
    Statistics, //
};
use crate::{
    chain::{
        Chain,
        Ending,
        Membership,
        Policy, //
    },
    check::Callback,
    ffi::uapi::{
        mnck_kind,
        mnck_policy,
        MNCK_KIND_COUNTER,
        MNCK_KIND_TRYLOCK,
        MNCK_POLICY_ALL,
        MNCK_POLICY_EXACT,
        MNCK_POLICY_SKIP, //
    },
    mmu_notifier::{
        Range,
        RangeId,
        TaskContext, //
    },
    module_parameters, //
};

/// A chain, attached, with its own statistics.
pub(super) struct ChainDevice {
    // Goes first, and says so to its members.
    chain: Chain,
    _counter: Membership<Counter>,
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
            _counter: chain.join(Counter::new(statistics), place.task)?,
            chain,
        })
    }

    /// Attaches a member of `kind`, which counts in `statistics`.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: there is no member of this kind.
    /// - As [`Chain::join`].
    pub(super) fn join(
        &self,
        kind: mnck_kind,
        statistics: Arc<Statistics>,
        task: &mut TaskContext,
    ) -> Result<Member> {
        match kind {
            MNCK_KIND_COUNTER => Ok(Member::Counter(
                self.chain.join(Counter::new(statistics), task)?,
            )),
            MNCK_KIND_TRYLOCK => Ok(Member::Trylock(
                self.chain.join(Trylock::new(statistics), task)?,
            )),
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
}

/// What a start leaves for its end: which range it was called for, and where that is, in bytes.
pub(crate) struct Opened {
    id: RangeId,
    start: usize,
    end: usize,
}

impl Opened {
    pub(super) fn new(range: &Range) -> Self {
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
                let _scope = statistics.enter(Callback::ChainEnd, Some(range));

                warn_on!((range.start(), range.end()) != (self.start, self.end));
                statistics.end(range);
            }
            Ending::Gone => statistics.gone(self.id),
        }
    }
}
