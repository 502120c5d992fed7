// SPDX-License-Identifier: GPL-2.0

//! What the members of a chain have in common: how they count and check their pairs.

use core::pin::Pin;

use kernel::{
    mm::Mm,
    warn_on, //
};

use super::statistics::{
    fact,
    Statistics, //
};
use crate::{
    chain::{
        self,
        Ending, //
    },
    check::Scope,
    event::{
        self,
        Callback, //
    },
    mmu_notifier::{
        CallbackContext,
        Range,
        WouldBlock, //
    },
};

/// The value that a member's start leaves for its end: an open pair.
pub(crate) struct ChainPair {
    /// The range that the start was called for.
    range: event::Range,
}

impl ChainPair {
    /// Counts a start of `range` in `statistics`: the call in `scope`.
    pub(super) fn start(range: &Range, statistics: &Statistics, scope: &mut Scope<'_>) -> Self {
        scope.opens();
        statistics.start_in_chain(range);
        Self { range: fact(range) }
    }

    /// Makes a pair that no start was called for.
    #[cfg(mnck_kunit)]
    pub(super) fn of(range: event::Range) -> Self {
        Self { range }
    }

    /// Begins the end of the pair: checks it, and counts it in `statistics`. Warns unless the end
    /// has the bounds of the start.
    ///
    /// A pair that is closed before its range is over is still the range that it was: if that is
    /// non-blockable, the end must not sleep.
    pub(super) fn end<'a>(self, ending: &Ending<'_>, statistics: &'a Statistics) -> Scope<'a> {
        match ending {
            Ending::Range(range, _context) => {
                let range = fact(range);

                warn_on!((range.start, range.end) != (self.range.start, self.range.end));
                statistics.end_in_chain();
                statistics.enter_end(Callback::ChainEnd, range)
            }
            Ending::Gone => {
                statistics.watch().closed(self.range);
                statistics.close_in_chain();
                statistics
                    .watch()
                    .enter(Callback::ChainEnd, Some(self.range))
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
        let mut scope = statistics.enter(Callback::ChainStart, Some(range));
        let _guard = self.admit(range, context)?;

        Ok(ChainPair::start(range, statistics, &mut scope))
    }

    fn end(self: Pin<&Self>, pair: ChainPair, ending: Ending<'_>) {
        let _scope = pair.end(&ending, self.statistics());
    }

    fn refused(self: Pin<&Self>, range: &Range) {
        self.statistics().watch().range_over(fact(range));
    }

    fn release(self: Pin<&Self>, _mm: &Mm) {
        self.statistics().release_in_chain();
    }
}
