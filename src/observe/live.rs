// SPDX-License-Identifier: GPL-2.0

//! The subscriptions that drivers have registered and not ended.

use kernel::prelude::*;

use super::known::Known;
use crate::event::platform::Word;

/// The subscriptions that drivers have registered and not ended, by their addresses, and the table of
/// callbacks of each. It takes no lock.
///
/// One task at a time registers the subscription at an address. If another task ends it meanwhile, the
/// set is left without it.
pub(super) struct Live {
    known: Known,
    /// For each place of `known` the address of the table, and the bits below.
    tables: KVec<Word>,
}

// Bits of the word of a table, whose address is a multiple of 8.

/// The core registers the subscription at the moment.
const REGISTERING: u64 = 1;
/// The table is that of an interval.
const INTERVAL: u64 = 2;

impl Live {
    const SIZE: usize = 4096;

    /// Makes an empty set. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]: out of memory.
    pub(super) fn new() -> Result<Self> {
        let mut tables = KVec::with_capacity(Self::SIZE, GFP_KERNEL)?;

        for _ in 0..Self::SIZE {
            tables.push(Word::new(0), GFP_KERNEL)?;
        }
        Ok(Self {
            known: Known::new(Self::SIZE)?,
            tables,
        })
    }

    fn word(&self, subscription: usize) -> Option<&Word> {
        self.tables.get(self.known.place_of(subscription as u64)?)
    }

    /// Records that a function of the core is called that registers the subscription at this address,
    /// with this table. Returns what was known of the subscription.
    ///
    /// Such a function may call another, which also comes here.
    pub(super) fn begin(
        &self,
        subscription: usize,
        table: usize,
        is_interval: bool,
    ) -> Registering {
        let before = self.word(subscription).map(Word::load);
        if before.is_some_and(|word| word & REGISTERING != 0) {
            return Registering::ByCaller;
        }

        if before.is_none() && !self.known.insert(subscription as u64) {
            return Registering::Unkept;
        }
        if let Some(word) = self.word(subscription) {
            let kind = if is_interval { INTERVAL } else { 0 };
            word.store(table as u64 | REGISTERING | kind);
        }
        match before {
            Some(word) => Registering::Again {
                table: table_of(word),
                is_interval: word & INTERVAL != 0,
            },
            None => Registering::New,
        }
    }

    /// Records that the function has returned.
    pub(super) fn begun(&self, subscription: usize, has_registered: bool) {
        if !has_registered {
            self.end(subscription);
        } else if let Some(word) = self.word(subscription) {
            word.store(word.load() & !REGISTERING);
        }
    }

    /// Records that the subscription ends.
    pub(super) fn end(&self, subscription: usize) {
        self.known.remove_one(subscription as u64);
    }

    /// Forgets the subscriptions in memory that is `gone`, and those of tables there.
    pub(super) fn forget(&self, gone: impl Fn(usize) -> bool) {
        self.known.remove(|subscription| {
            let subscription = subscription as usize;

            gone(subscription)
                || self
                    .word(subscription)
                    .is_some_and(|word| gone(table_of(word.load())))
        });
    }
}

fn table_of(word: u64) -> usize {
    (word & !(REGISTERING | INTERVAL)) as usize
}

/// What is known of a subscription that is registered.
pub(super) enum Registering {
    /// It is new, or was ended.
    New,
    /// Another function of the core, which has called this one, registers it; or another task does.
    ByCaller,
    /// It was registered before, with this table, and not ended.
    Again { table: usize, is_interval: bool },
    /// There is no place for it.
    Unkept,
}
