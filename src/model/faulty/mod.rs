// SPDX-License-Identifier: GPL-2.0

//! Drivers in C that break a rule, one mistake each.
//!
//! The safe types exclude these mistakes, so they are written in C: `failing.c`, `sleeping.c`,
//! `waiting.c`, `locking.c`. Here each driver is wrapped in a [`Driver`] or an [`IntervalDriver`],
//! which checks the rules, and attached.

use core::ops::Range;

use kernel::{new_spinlock, prelude::*};

use super::{
    destination::Destination,
    statistics::Counting, //
};
use crate::{
    chain::Membership,
    ffi::uapi::{
        mnck_fault,
        mnck_place,
        MNCK_IN_INTERVAL, //
    },
    mmu_notifier::{
        IntervalRegistration,
        OnePass,
        Registration,
        StartEnd,
        StartOnly, //
    },
};

mod driver;
use driver::Driver;

mod interval_driver;
use interval_driver::IntervalDriver;

mod table;

/// A mistake, and the callback that makes it.
pub(crate) struct Fault {
    pub(crate) fault: mnck_fault,
    pub(crate) place: mnck_place,
}

impl Fault {
    /// Returns whether both members are 0, as for a subscriber that is no faulty driver.
    pub(super) fn is_none(&self) -> bool {
        (self.fault, self.place) == (0, 0)
    }

    /// Returns whether the driver subscribes to a part of an address space.
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
    Member(#[expect(dead_code, reason = "held for its drop")] Membership<Driver>),
}

impl Faulty {
    /// Attaches the driver that makes the mistake `fault`, which counts in `statistics`; to
    /// `range`, in bytes, half-open, if it subscribes to a part of an address space. Sleeps.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: no driver makes this mistake, or none that can be attached at `to`.
    /// - As [`Destination::attach`].
    pub(super) fn attach(
        fault: &Fault,
        range: Range<usize>,
        to: &mut Destination<'_, '_>,
        statistics: Counting,
    ) -> Result<Self> {
        match to {
            Destination::Place(place) if fault.wants_range() => {
                let table = table::interval_callbacks(fault, place.mm)?;
                let driver = IntervalDriver::new(table, statistics);
                let lock = new_spinlock!((), "IntervalDriver::lock");

                Ok(Self::Interval(
                    place.register_interval(range, driver, lock)?,
                ))
            }
            Destination::Place(place) => {
                let table = table::callbacks(fault, place.mm)?;
                let paired = table.has_end();
                let driver = Driver::new(table, statistics);

                Ok(if paired {
                    Self::Paired(place.register(driver)?)
                } else {
                    Self::StartOnly(place.register(driver)?)
                })
            }
            Destination::Chain(chain, task) => {
                let table = table::callbacks(fault, chain.mm())?;

                Ok(Self::Member(
                    chain.join(Driver::new(table, statistics), task)?,
                ))
            }
        }
    }
}
