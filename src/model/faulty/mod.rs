// SPDX-License-Identifier: GPL-2.0

//! Drivers in C that break a rule, one mistake each: what the safe types exclude.
//!
//! The mistakes are C's: `failing.c`, `sleeping.c`, `locking.c`. Here the drivers are put under
//! check, each as a [`Driver`] or an [`IntervalDriver`], and registered.

use core::ops::Range;

use kernel::{
    mm::Mm,
    new_spinlock,
    prelude::*,
    sync::Arc, //
};

use super::{
    attached::Place,
    driver::Driver,
    interval_driver::IntervalDriver,
    Statistics, //
};
use crate::{
    ffi::{
        faulty::{
            self,
            interval_ops,
            ops, //
        },
        uapi::{
            mnck_fault,
            mnck_place,
            MNCK_IN_INTERVAL, //
        }, //
    },
    mmu_notifier::{
        CallbackTable,
        IntervalRegistration,
        IntervalTable,
        OnePass,
        Registration,
        StartEnd,
        StartOnly, //
    },
};

/// A mistake, and the callback that makes it.
pub(crate) struct Fault {
    pub(crate) fault: mnck_fault,
    pub(crate) place: mnck_place,
}

impl Fault {
    /// Whether it is what those have that make none.
    pub(super) fn is_none(&self) -> bool {
        (self.fault, self.place) == (0, 0)
    }

    /// Whether it is that of a subscriber to a part of an address space.
    pub(super) fn wants_range(&self) -> bool {
        self.place == MNCK_IN_INTERVAL
    }
}

/// A driver that makes a mistake, attached. Detached on drop.
pub(super) enum Faulty {
    Paired(#[expect(dead_code, reason = "held for its drop")] Registration<StartEnd<Driver>>),
    StartOnly(#[expect(dead_code, reason = "held for its drop")] Registration<StartOnly<Driver>>),
    Interval(
        #[expect(dead_code, reason = "held for its drop")]
        IntervalRegistration<OnePass<IntervalDriver>>,
    ),
}

impl Faulty {
    /// Attaches the driver that makes the mistake `fault`, to `range` if it wants one.
    ///
    /// Fails with [`EINVAL`] if there is none.
    pub(super) fn attach(
        fault: &Fault,
        range: Range<usize>,
        place: &mut Place<'_>,
        statistics: Arc<Statistics>,
    ) -> Result<Self> {
        if fault.wants_range() {
            let ops = interval_ops(fault.fault).ok_or(EINVAL)?;
            // SAFETY: As in `table()`.
            let table = unsafe { IntervalTable::new(ops, place.mm) }?;
            let driver = IntervalDriver::new(table, statistics);
            let lock = new_spinlock!((), "IntervalDriver::lock");

            return Ok(Self::Interval(
                place.register_interval(range, driver, lock)?,
            ));
        }

        let table = table(fault, place.mm)?;
        let paired = table.has_end();
        let driver = Driver::new(table, statistics);

        Ok(if paired {
            Self::Paired(place.register(driver)?)
        } else {
            Self::StartOnly(place.register(driver)?)
        })
    }
}

/// The driver that makes the mistake `fault`, for a chain on `mm`. Fails as [`Faulty::attach`].
pub(super) fn driver(
    fault: &Fault,
    mm: &Mm,
    statistics: Arc<Statistics>,
) -> Result<impl PinInit<Driver>> {
    Ok(Driver::new(table(fault, mm)?, statistics))
}

/// Whether the driver that has `table` complains, as KVM does, of an end without a start: once for
/// each such end.
pub(super) fn complains(table: &CallbackTable) -> bool {
    // Here, since whose table it is follows from `table()`.
    //
    // SAFETY: It is valid as long as the table, and comes from its `alloc_notifier` if that has one.
    unsafe { faulty::complains(table.as_raw()) }
}

/// The callbacks that make the mistake `fault`, with a subscription to `mm`.
fn table(fault: &Fault, mm: &Mm) -> Result<CallbackTable> {
    let ops = ops(fault.fault, fault.place).ok_or(EINVAL)?;

    // Here, since that the callbacks may be called follows from what they do, which is this
    // room's.
    //
    // SAFETY: None does anything with its subscription but to find the driver's own counter beside
    // it, and what they do wrong harms no memory. Those that allocate one do as they should.
    unsafe { CallbackTable::new(ops, mm) }
}
