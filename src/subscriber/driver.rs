// SPDX-License-Identifier: GPL-2.0

//! A driver in C, with the rules between it and the core.
//!
//! What the core calls is ours, and keeps the rules by its types; it calls the driver, and sees what
//! that does. So the core sees of a driver only what it may, and the driver sees what the core
//! would call, but for one thing: if its start fails, and a range that was begun for all others
//! comes to its end, the driver's end is not called, since for it nothing has begun.

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

use super::Statistics;
use crate::{
    check::{
        Callback,
        Refused, //
    },
    mmu_notifier::{
        CallbackContext,
        CallbackTable,
        Fallible,
        Paired,
        Range,
        RangeId,
        Subscriber,
        WouldBlock, //
    },
};

/// A driver with a [`CallbackTable`]. It is [`Paired`] if that has an end, else [`Fallible`].
#[pin_data]
pub(super) struct Driver {
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

    /// Calls the driver's start: the code that it returns, and what the core may see of that.
    fn call_start(&self, range: &Range) -> (c_int, Result<(), Refused>) {
        let scope = self.statistics.enter(Callback::Start, Some(range));
        let code = self.table.start(range);
        drop(scope);

        let result = self
            .statistics
            .watch()
            .start_result(range, code, self.table.has_end());
        (code, result)
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
        let (code, _) = self.call_start(range);

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

        let scope = self.statistics.enter(Callback::End, Some(range));
        self.table.end(range);
        drop(scope);

        self.statistics.end(range);
    }
}

impl Fallible for Driver {
    fn start<'c>(
        self: Pin<&Self>,
        range: &Range,
        context: CallbackContext<'c>,
    ) -> Result<(), WouldBlock<'c>> {
        let (code, result) = self.call_start(range);

        if code != 0 {
            self.statistics.refuse(range);
        } else {
            self.statistics.start(range);
        }
        match (result, context) {
            (Err(Refused), CallbackContext::NonBlockable(context)) => {
                self.statistics.watch().refused(range);
                Err(context.would_block())
            }
            _ => Ok(()),
        }
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
