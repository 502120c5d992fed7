// SPDX-License-Identifier: GPL-2.0

//! The tables of callbacks that were found.

use kernel::prelude::*;

use super::known::Known;
use crate::{
    event::platform::Word,
    ffi::{
        is_own,
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

/// The tables of callbacks that were found, since a subscription uses them.
pub(super) struct Tables {
    known: Known,
    /// How many had no place.
    lost: Word,
}

impl Tables {
    const SIZE: usize = 256;

    /// Makes an empty set. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]: out of memory.
    pub(super) fn new() -> Result<Self> {
        Ok(Self {
            known: Known::new(Self::SIZE)?,
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
            Work::queue(WorkItem::Arm);
        } else {
            self.lost.add(1);
        }
    }

    /// Forgets the tables in memory that is `gone`.
    pub(super) fn forget(&self, gone: impl Fn(usize) -> bool) {
        self.known
            .remove(|word| gone(CallbackTable::from_word(word).address));
    }

    /// Returns all tables.
    pub(super) fn all(&self) -> impl Iterator<Item = CallbackTable> + '_ {
        self.known.all().map(CallbackTable::from_word)
    }

    /// Returns how many tables had no place: their callbacks are not probed.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load()
    }
}
