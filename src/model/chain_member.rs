// SPDX-License-Identifier: GPL-2.0

//! What the members of a chain have in common: how they count and check their pairs.

use core::pin::Pin;

use kernel::{
    mm::Mm,
    warn_on, //
};

use super::statistics::Statistics;
use crate::{
    chain::{
        self,
        Ending, //
    },
    check::Callback,
    mmu_notifier::{
        CallbackContext,
        Range,
        RangeId,
        WouldBlock, //
    },
};

/// The value that a member's start leaves for its end: an open pair.
pub(crate) struct ChainPair {
    /// The range that the start was called for.
    id: RangeId,
    /// Its bounds, in bytes, half-open.
    start: usize,
    end: usize,
}

impl ChainPair {
    /// Counts a start of `range` in `statistics`.
    pub(super) fn start(range: &Range, statistics: &Statistics) -> Self {
        statistics.start_in_chain(range);
        statistics.watch().started(range);
        Self {
            id: range.id(),
            start: range.start(),
            end: range.end(),
        }
    }

    /// Counts the end in `statistics`. Warns unless the end has the bounds of the start.
    pub(super) fn end(self, ending: Ending<'_>, statistics: &Statistics) {
        match ending {
            Ending::Range(range, _context) => {
                warn_on!((range.start(), range.end()) != (self.start, self.end));
                statistics.watch().ended(range);
                statistics.end_in_chain();
            }
            Ending::Gone => {
                statistics.watch().closed(self.id);
                statistics.close_in_chain();
            }
        }
    }
}

/// A member of a chain that does nothing in its callbacks but count, once it is
/// [`admitted`](Self::admit).
pub(super) trait CountingMember: Send + Sync + 'static {
    /// What a start holds until it was counted.
    type Guard<'a>
    where
        Self: 'a;

    /// Returns the statistics that the callbacks are counted in.
    fn statistics(&self) -> &Statistics;

    /// Prepares the start of `range`, or refuses it.
    fn admit<'a, 'c>(
        &'a self,
        range: &Range,
        context: CallbackContext<'c>,
    ) -> Result<Self::Guard<'a>, WouldBlock<'c>>;
}

impl<M: CountingMember> chain::Subscriber for M {
    type Value = ChainPair;

    fn start<'c>(
        self: Pin<&Self>,
        range: &Range,
        context: CallbackContext<'c>,
    ) -> Result<ChainPair, WouldBlock<'c>> {
        let statistics = self.statistics();
        let _scope = statistics.enter(Callback::ChainStart, Some(range));
        let _guard = self.admit(range, context)?;

        Ok(ChainPair::start(range, statistics))
    }

    fn end(self: Pin<&Self>, pair: ChainPair, ending: Ending<'_>) {
        let statistics = self.statistics();
        let _scope = statistics.enter(Callback::ChainEnd, ending.range());

        pair.end(ending, statistics);
    }

    fn refused(self: Pin<&Self>, range: &Range) {
        self.statistics().watch().range_over(range);
    }

    fn release(self: Pin<&Self>, _mm: &Mm) {
        self.statistics().release_in_chain();
    }
}
