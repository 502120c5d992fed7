// SPDX-License-Identifier: GPL-2.0

//! A wrapper of a driver in C, which checks the driver's callbacks.
//!
//! The core calls the wrapper, whose types keep the rules. The wrapper calls the driver, checks
//! what the driver does, and lets the core see only what a rule permits. The driver's callbacks are
//! called as the core would call them, with one exception: if the driver's start has failed, and
//! the range is started for the other subscribers, the driver's end is not called.
//!
//! In a [`chain`] a driver may both have an end and refuse. The policy [`All`](chain::Policy::All)
//! then calls the end of a range that the driver has refused; the driver reports whether it
//! tolerates that.

use core::pin::Pin;

use kernel::{
    ffi::c_int,
    mm::Mm,
    prelude::*, //
};

use super::table;
use crate::{
    chain::{
        self,
        Ending, //
    },
    check::{
        Refused,
        Scope, //
    },
    event::Callback,
    mmu_notifier::{
        CallbackContext,
        CallbackTable,
        Fallible,
        NoSleep,
        Paired,
        Range,
        Subscriber,
        WouldBlock, //
    },
    model::{
        chain_member::ChainPair,
        statistics::{
            fact,
            Counting, //
        }, //
    },
};

/// A driver with a [`CallbackTable`]. Registered with the core, it is [`Paired`] if the table has
/// an end, else [`Fallible`].
pub(in crate::model) struct Driver {
    table: CallbackTable,
    statistics: Counting,
}

impl Driver {
    /// Makes the wrapper of the driver that has `table`, which counts in `statistics`.
    pub(super) fn new(table: CallbackTable, statistics: Counting) -> Self {
        Self { table, statistics }
    }

    /// Calls the driver's start. Returns its code, the result that the core may see, and the scope
    /// of the call.
    fn call_start(
        &self,
        range: &Range,
        callback: Callback,
    ) -> (c_int, Result<(), Refused>, Scope<'_>) {
        let scope = self.statistics.enter(callback, Some(range));
        let code = self.table.start(range);
        let must_not_refuse = callback == Callback::Start && self.table.has_end();
        let result = self
            .statistics
            .watch()
            .start_result(fact(range), code, must_not_refuse);

        (code, result, scope)
    }

    /// Calls the driver's end, in `scope`, and asks the driver whether that end had no start.
    fn call_end(&self, range: &Range, callback: Callback, scope: Scope<'_>) {
        self.table.end(range);
        drop(scope);

        // The driver only counts its open ranges. If other ranges are open when an end without a
        // start comes, the driver complains when the last of them ends.
        if table::complains(&self.table) {
            self.statistics
                .watch()
                .end_not_tolerated(callback, fact(range));
        }
    }

    /// Records the refusal of a non-blockable range with the checks, and returns it.
    fn would_block<'c>(&self, range: &Range, context: &NoSleep<'c>) -> WouldBlock<'c> {
        self.statistics.watch().refused(fact(range));
        context.would_block()
    }
}

#[vtable]
impl Subscriber for Driver {
    fn release(self: Pin<&Self>, _mm: &Mm) {
        let _scope = self.statistics.enter(Callback::Release, None);

        self.table.release();
        self.statistics.release();
    }
}

impl Paired for Driver {
    fn start(self: Pin<&Self>, range: &Range, _context: CallbackContext<'_>) {
        // The core does not see a refusal of a driver that has an end.
        let (code, _, mut scope) = self.call_start(range, Callback::Start);

        if code != 0 {
            self.statistics.refuse(range);
        } else {
            self.statistics.open(range, &mut scope);
        }
    }

    fn end(self: Pin<&Self>, range: &Range, _context: CallbackContext<'_>) {
        let fact = fact(range);

        if !self.statistics.watch().has_open(fact) {
            // The driver's start has failed, which the core does not know.
            return;
        }

        let scope = self.statistics.enter_end(Callback::End, fact);
        self.call_end(range, Callback::End, scope);
        self.statistics.end();
    }
}

impl Fallible for Driver {
    fn start<'c>(
        self: Pin<&Self>,
        range: &Range,
        context: CallbackContext<'c>,
    ) -> Result<(), WouldBlock<'c>> {
        let (code, result, _scope) = self.call_start(range, Callback::Start);

        if code != 0 {
            self.statistics.refuse(range);
        } else {
            self.statistics.start(range);
        }
        match (result, context) {
            (Err(Refused), CallbackContext::NonBlockable(context)) => {
                Err(self.would_block(range, &context))
            }
            _ => Ok(()),
        }
    }
}

impl chain::Subscriber for Driver {
    /// `None` if the driver's start has failed for a blockable range: the driver then gets no end.
    type Value = Option<ChainPair>;

    fn start<'c>(
        self: Pin<&Self>,
        range: &Range,
        context: CallbackContext<'c>,
    ) -> Result<Option<ChainPair>, WouldBlock<'c>> {
        let (code, result, mut scope) = self.call_start(range, Callback::ChainStart);

        if code == 0 {
            return Ok(Some(ChainPair::start(range, &self.statistics, &mut scope)));
        }
        self.statistics.refuse(range);
        match (result, context) {
            (Err(Refused), CallbackContext::NonBlockable(context)) => {
                Err(self.would_block(range, &context))
            }
            _ => Ok(None),
        }
    }

    fn end(self: Pin<&Self>, pair: Option<ChainPair>, ending: Ending<'_>) {
        let Some(pair) = pair else {
            return;
        };

        let scope = pair.end(&ending, &self.statistics);
        if let Ending::Range(range, _) = &ending {
            self.call_end(range, Callback::ChainEnd, scope);
        }
    }

    fn end_without_start(self: Pin<&Self>, range: &Range, _context: CallbackContext<'_>) {
        if self.table.has_end() {
            let scope = self.statistics.enter(Callback::ChainEnd, Some(range));

            self.call_end(range, Callback::ChainEnd, scope);
            self.statistics.end_without_start();
        }
    }

    fn refused(self: Pin<&Self>, range: &Range) {
        self.statistics.watch().range_over(fact(range));
    }

    fn release(self: Pin<&Self>, _mm: &Mm) {
        let _scope = self.statistics.enter(Callback::Release, None);

        self.table.release();
        self.statistics.release_in_chain();
    }
}
