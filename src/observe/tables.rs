// SPDX-License-Identifier: GPL-2.0

//! The tables of callbacks that were found.

use kernel::prelude::*;

use super::known::Known;
use crate::{
    event::platform::Word,
    ffi::{
        is_own,
        subscriptions::*,
        Work,
        WorkItem, //
    }, //
};

/// A table of callbacks: the address of a `struct mmu_notifier_ops` or a
/// `struct mmu_interval_notifier_ops`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct CallbackTable {
    pub(super) address: usize,
    pub(super) is_interval: bool,
}

impl CallbackTable {
    // A table has pointers, so the low bit of its address is 0.
    fn to_word(self) -> u64 {
        self.address as u64 | u64::from(self.is_interval)
    }

    fn from_word(word: u64) -> Self {
        Self {
            address: word as usize & !1,
            is_interval: word & 1 != 0,
        }
    }
}

/// The callbacks that the core calls for ranges.
const FOR_RANGES: [u32; 5] = [
    MNCK_CALLBACK_START,
    MNCK_CALLBACK_END,
    MNCK_CALLBACK_INVALIDATE,
    MNCK_CALLBACK_INVALIDATE_START,
    MNCK_CALLBACK_INVALIDATE_FINISH,
];

/// The tables of callbacks that were found, since a subscription uses them.
pub(super) struct Tables {
    known: Known,
    /// The addresses of the callbacks that are probed.
    probed: Known,
    /// How many tables were found with a callback for ranges that is not probed yet, and how many of them
    /// by the time when their callbacks were.
    late: Word,
    in_time: Word,
    /// How many had no place, and how many callbacks can't be probed.
    lost: Word,
}

impl Tables {
    const SIZE: usize = 256;
    const CALLBACKS: usize = 1024;

    /// Makes an empty set. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]: out of memory.
    pub(super) fn new() -> Result<Self> {
        Ok(Self {
            known: Known::new(Self::SIZE)?,
            probed: Known::new(Self::CALLBACKS)?,
            late: Word::new(0),
            in_time: Word::new(0),
            lost: Word::new(0),
        })
    }

    /// Adds a table, and if it is new has its callbacks probed soon. Never sleeps, and takes no lock.
    pub(super) fn learn(&self, address: usize, is_interval: bool) {
        let word = CallbackTable {
            address,
            is_interval,
        }
        .to_word();

        // The model subscribers tell of their own callbacks.
        if address == 0 || is_own(address) || self.known.has(word) {
            return;
        }
        if self.known.insert(word) {
            if !self.has_probed(address, is_interval) {
                self.late.add(1);
            }
            Work::queue(WorkItem::Arm);
        } else {
            self.lost.add(1);
        }
    }

    /// Returns whether all callbacks for ranges of this table are probed.
    fn has_probed(&self, address: usize, is_interval: bool) -> bool {
        let callbacks = callbacks_of(address, is_interval);

        FOR_RANGES.iter().all(|number| {
            callbacks
                .get(*number as usize)
                .is_none_or(|callback| *callback == 0 || self.probed.has(*callback as u64))
        })
    }

    /// Records that this callback is probed.
    pub(super) fn add_probed(&self, callback: usize) {
        // If the set is full, ranges count as late that are not.
        self.probed.insert(callback as u64);
    }

    /// Returns how many tables were found whose callbacks were not probed then.
    pub(super) fn found_late(&self) -> u64 {
        self.late.load_acquire()
    }

    /// Records that the callbacks of so many of these are probed.
    pub(super) fn set_in_time(&self, number: u64) {
        self.in_time.store_release(number);
    }

    /// Returns whether the callbacks of a table are not probed yet.
    #[inline]
    pub(super) fn is_late(&self) -> bool {
        self.late.load() != self.in_time.load()
    }

    /// Counts a callback that can't be probed.
    pub(super) fn add_lost(&self) {
        self.lost.add(1);
    }

    /// Forgets the tables and the callbacks in memory that is `gone`.
    pub(super) fn forget(&self, gone: impl Fn(usize) -> bool) {
        self.probed.remove(|callback| gone(callback as usize));
        self.known
            .remove(|word| gone(CallbackTable::from_word(word).address));
    }

    /// Returns all tables.
    pub(super) fn all(&self) -> impl Iterator<Item = CallbackTable> + '_ {
        self.known.all().map(CallbackTable::from_word)
    }

    /// Returns how many tables had no place, and how many callbacks can't be probed.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load()
    }
}
