// SPDX-License-Identifier: GPL-2.0

//! Calls that the ledger had no place for.

use crate::event::platform::{
    Current,
    Word, //
};

/// The calls that the ledger had no place for.
///
/// It counts the ranges that such calls have opened, so that their ends are not taken for ends
/// without a start. A place counts the ranges with one hash of task, subscriber and address. If a
/// place is needed for two hashes at a time, it excuses every end from then on.
pub(super) struct Lost {
    number: Word,
    open: [Word; Self::PLACES],
}

/// The place that is needed for two hashes.
const CROWDED: u64 = u64::MAX;

/// The bits of a place that count the ranges. The others are those of the hash.
const COUNT: u64 = 0xffff;

impl Lost {
    const PLACES: usize = 256;

    pub(super) fn new() -> Self {
        Self {
            number: Word::new(0),
            open: core::array::from_fn(|_| Word::new(0)),
        }
    }

    /// Counts a call.
    #[cold]
    pub(super) fn count(&self) {
        self.number.add(1);
    }

    /// Returns the number of calls.
    pub(super) fn number(&self) -> u64 {
        self.number.load()
    }

    /// Records that a lost call has opened a range.
    #[cold]
    pub(super) fn start(&self, task: Current, subscriber: u64, address: usize) {
        self.change(task, subscriber, address, |word, hash| {
            Some(match word {
                0 => hash | 1,
                _ if word & !COUNT == hash && word & COUNT != COUNT => word + 1,
                _ => CROWDED,
            })
        });
    }

    /// Forgets which ranges are open.
    pub(super) fn forget(&self) {
        for place in &self.open {
            place.store(0);
        }
    }

    /// Records an end that the ledger has no start for. Returns whether the start may have been
    /// lost.
    #[cold]
    pub(super) fn end(&self, task: Current, subscriber: u64, address: usize) -> bool {
        self.change(task, subscriber, address, |word, hash| match word {
            CROWDED => Some(CROWDED),
            _ if word & !COUNT != hash => None,
            _ if word & COUNT == 1 => Some(0),
            _ => Some(word - 1),
        })
    }

    /// Replaces the word for a range by what `change` makes of the word and the hash. Returns false
    /// if that is nothing.
    fn change(
        &self,
        task: Current,
        subscriber: u64,
        address: usize,
        change: impl Fn(u64, u64) -> Option<u64>,
    ) -> bool {
        let hash = hash(task, subscriber, address);
        let Some(place) = self.open.get((hash >> 56) as usize) else {
            return false;
        };

        loop {
            let word = place.load();
            let Some(new) = change(word, hash << 8 & !COUNT) else {
                return false;
            };

            if new == word || place.replace(word, new) {
                return true;
            }
        }
    }
}

fn hash(task: Current, subscriber: u64, address: usize) -> u64 {
    [task.key(), task.start_time(), subscriber, address as u64]
        .into_iter()
        .fold(0, |hash: u64, word| {
            (hash.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        })
}
