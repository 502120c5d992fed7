// SPDX-License-Identifier: GPL-2.0

//! A driver in C, with the rules between it and the core.
//!
//! What the core calls is ours, and keeps the rules by its types; it calls the driver, and sees what
//! that does. So the core sees of a driver only what it may, and the driver sees what the core
//! would call, but for one thing: if its start fails, and a range that was begun for all others
//! comes to its end, the driver's end is not called, since for it nothing has begun.
//!
//! In a [`chain`] a driver may have an end and refuse. Under the policy [`All`](chain::Policy::All)
//! it is then called for that end: whether it tolerates that it says itself.

use core::pin::Pin;

use kernel::{
    ffi::c_int,
    mm::Mm,
    new_spinlock,
    prelude::*,
    sync::{
        Arc,
        SpinLock, //
    }, //
};

use super::table;
use crate::{
    chain::{
        self,
        Ending, //
    },
    check::{
        Callback,
        Refused, //
    },
    mmu_notifier::{
        CallbackContext,
        CallbackTable,
        Fallible,
        NoSleep,
        Paired,
        Range,
        RangeId,
        Subscriber,
        WouldBlock, //
    },
    model::{
        chain_member::ChainPair,
        statistics::Statistics, //
    },
};

/// A driver with a [`CallbackTable`]. On the core it is [`Paired`] if that has an end, else
/// [`Fallible`].
#[pin_data]
pub(in crate::model) struct Driver {
    table: CallbackTable,
    statistics: Arc<Statistics>,
    /// The ranges that have begun, but not for the driver. Innermost.
    #[pin]
    without: SpinLock<Ranges>,
}

impl Driver {
    /// The driver that has `table`, under the watch of `statistics`.
    pub(super) fn new(table: CallbackTable, statistics: Arc<Statistics>) -> impl PinInit<Self> {
        pin_init!(Self {
            table,
            statistics,
            without <- new_spinlock!(Ranges::new(), "Driver::without"),
        })
    }

    /// Calls the driver's start: the code that it returns, and what may be seen of that.
    fn call_start(&self, range: &Range, callback: Callback) -> (c_int, Result<(), Refused>) {
        let scope = self.statistics.enter(callback, Some(range));
        let code = self.table.start(range);
        drop(scope);

        let must_not_refuse = callback == Callback::Start && self.table.has_end();
        let result = self
            .statistics
            .watch()
            .start_result(range, code, must_not_refuse);
        (code, result)
    }

    /// Calls the driver's end, and asks it whether that was one too many.
    fn call_end(&self, range: &Range, callback: Callback) {
        let scope = self.statistics.enter(callback, Some(range));
        self.table.end(range);
        drop(scope);

        // It counts what is open, and no more than that: with other ranges open at the time it
        // complains of the last of their ends.
        if table::complains(&self.table) {
            self.statistics.watch().end_not_tolerated(callback, range);
        }
    }

    /// Makes the refusal of a non-blockable range known.
    fn would_block<'c>(&self, range: &Range, context: &NoSleep<'c>) -> WouldBlock<'c> {
        self.statistics.watch().refused(range);
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
        // A refusal with an end is none, for the core.
        let (code, _) = self.call_start(range, Callback::Start);

        if code != 0 {
            self.without.lock().insert(range.id());
            self.statistics.refuse(range);
        } else {
            self.statistics.open(range);
        }
    }

    fn end(self: Pin<&Self>, range: &Range, _context: CallbackContext<'_>) {
        if self.without.lock().remove(range.id()) {
            return;
        }

        self.call_end(range, Callback::End);
        self.statistics.end(range);
    }
}

impl Fallible for Driver {
    fn start<'c>(
        self: Pin<&Self>,
        range: &Range,
        context: CallbackContext<'c>,
    ) -> Result<(), WouldBlock<'c>> {
        let (code, result) = self.call_start(range, Callback::Start);

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
    /// Nothing, if the driver's start has failed where it may not: for it nothing has begun.
    type Value = Option<ChainPair>;

    fn start<'c>(
        self: Pin<&Self>,
        range: &Range,
        context: CallbackContext<'c>,
    ) -> Result<Option<ChainPair>, WouldBlock<'c>> {
        let (code, result) = self.call_start(range, Callback::ChainStart);

        if code == 0 {
            return Ok(Some(ChainPair::start(range, &self.statistics)));
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

        if let Ending::Range(range, _) = &ending {
            self.call_end(range, Callback::ChainEnd);
        }
        pair.end(ending, &self.statistics);
    }

    fn end_without_start(self: Pin<&Self>, range: &Range, _context: CallbackContext<'_>) {
        if self.table.has_end() {
            self.call_end(range, Callback::ChainEnd);
            self.statistics.end_without_start();
        }
    }

    fn over(self: Pin<&Self>, range: &Range) {
        self.statistics.watch().range_over(range);
    }

    fn release(self: Pin<&Self>, _mm: &Mm) {
        let _scope = self.statistics.enter(Callback::Release, None);

        self.table.release();
        self.statistics.release_in_chain();
    }
}

/// A few ranges, without a need for memory: there is no more than one for each task that is in an
/// invalidation of the mm, and nesting.
struct Ranges([Option<RangeId>; 32]);

impl Ranges {
    const fn new() -> Self {
        Self([None; 32])
    }

    /// Adds a range. One too many is forgotten: then the driver sees an end too many, as it would
    /// without us.
    fn insert(&mut self, range: RangeId) {
        if let Some(place) = self.0.iter_mut().find(|place| place.is_none()) {
            *place = Some(range);
        }
    }

    /// Removes a range, and whether it was there.
    fn remove(&mut self, range: RangeId) -> bool {
        let found = self.0.iter_mut().find(|place| **place == Some(range));

        found.is_some_and(|place| place.take().is_some())
    }
}
