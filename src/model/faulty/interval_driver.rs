// SPDX-License-Identifier: GPL-2.0

//! A wrapper of an interval driver in C, which checks the driver's callback: see
//! [`driver`](super::driver).

use core::pin::Pin;

use kernel::{
    error::code::EAGAIN,
    prelude::*,
    sync::{
        SpinLock, //
    }, //
};

use crate::{
    check::Refused,
    event::Callback,
    mmu_notifier::{
        CallbackContext,
        Done,
        Interval,
        IntervalSubscriber,
        IntervalTable,
        Invalidate,
        WouldBlock, //
    },
    model::statistics::{fact, Counting}, //
};

/// A driver with an [`IntervalTable`].
pub(in crate::model) struct IntervalDriver {
    table: IntervalTable,
    statistics: Counting,
}

impl IntervalDriver {
    /// Makes the wrapper of the driver that has `table`, which counts in `statistics`.
    pub(super) fn new(table: IntervalTable, statistics: Counting) -> Self {
        Self { table, statistics }
    }
}

#[vtable]
impl IntervalSubscriber for IntervalDriver {
    /// The lock of the wrapper, which has no read side. The driver has a lock of its own.
    type UserLock = SpinLock<()>;
}

impl Interval for IntervalDriver {
    fn invalidate<'c>(
        self: Pin<&Self>,
        invalidation: Invalidate<'_, 'c, Self>,
        context: CallbackContext<'c>,
    ) -> Result<Done<'c>, WouldBlock<'c>> {
        let range = invalidation.range();

        let scope = self.statistics.enter(Callback::Invalidate, Some(range));
        let is_done = self.table.invalidate(&invalidation);
        drop(scope);

        // An interval callback that returns false refuses.
        let code = if is_done { 0 } else { EAGAIN.to_errno() };
        if is_done {
            self.statistics.start(range);
        } else {
            self.statistics.refuse(range);
        }
        match (
            self.statistics
                .watch()
                .start_result(fact(range), code, false),
            context,
        ) {
            (Err(Refused), CallbackContext::NonBlockable(context)) => Err(context.would_block()),
            _ => Ok(invalidation.lock_atomic().done()),
        }
    }
}
