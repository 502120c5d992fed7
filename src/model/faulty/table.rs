// SPDX-License-Identifier: GPL-2.0

//! The callback tables of the faulty drivers, as safe types.

use kernel::{
    mm::Mm,
    prelude::*, //
};

use super::Fault;
use crate::{
    ffi::faulty::{
        self,
        interval_ops,
        ops, //
    },
    mmu_notifier::{
        CallbackTable,
        IntervalTable, //
    },
};

/// Returns the callbacks of the driver that makes the mistake `fault`, with a subscription to `mm`.
/// Sleeps.
///
/// # Errors
///
/// - [`EINVAL`]: no driver makes this mistake.
/// - [`ENOMEM`]: out of memory.
pub(super) fn callbacks(fault: &Fault, mm: &Mm) -> Result<CallbackTable> {
    let ops = ops(fault.fault, fault.place).ok_or(EINVAL)?;

    // This call is here because its safety follows from what the callbacks do, and they are in this
    // directory.
    //
    // SAFETY: No callback does anything with its subscription but find the driver's own counter
    // beside it, and their mistakes harm no memory. Those that allocate the subscription do so as
    // `alloc_notifier` should.
    unsafe { CallbackTable::new(ops, mm) }
}

/// Returns the callback of the interval driver that makes the mistake `fault`, with a subscription
/// to `mm`. Sleeps.
///
/// # Errors
///
/// As [`callbacks`].
pub(super) fn interval_callbacks(fault: &Fault, mm: &Mm) -> Result<IntervalTable> {
    let ops = interval_ops(fault.fault).ok_or(EINVAL)?;

    // SAFETY: As in `callbacks()`.
    unsafe { IntervalTable::new(ops, mm) }
}

/// Returns whether the driver that has `table` has received an end without a start and reports it,
/// as KVM does with a `WARN`: once for each such end.
pub(super) fn complains(table: &CallbackTable) -> bool {
    // SAFETY: The subscription is valid as long as the table. `callbacks()` has made the table, so
    // the subscription comes from the table's `alloc_notifier` if it has one.
    unsafe { faulty::complains(table.as_raw()) }
}
