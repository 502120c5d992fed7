// SPDX-License-Identifier: GPL-2.0

//! Calls that the ledger had no place for.

use crate::event::platform::{
    Current,
    Word, //
};

/// The calls that the ledger had no place for.
///
/// Of the ranges that such calls have opened it keeps a number for each hash of task, subscriber and
/// address, so that their ends are not taken for ends without a start. Ranges with the same hash
/// excuse each other: at most as many ends without a start go unseen as starts were lost.
pub(super) struct Lost {
    number: Word,
    open: [Word; Self::HASHES],
}

impl Lost {
    const HASHES: usize = 256;

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
        if let Some(open) = self.open.get(hash(task, subscriber, address)) {
            open.add(1);
        }
    }

    /// Returns whether a lost call may have opened the range.
    pub(super) fn may_be_open(&self, task: Current, subscriber: u64, address: usize) -> bool {
        self.open
            .get(hash(task, subscriber, address))
            .is_some_and(|open| open.load() != 0)
    }

    /// Records an end that the ledger has no start for. Returns whether the start may have been
    /// lost.
    #[cold]
    pub(super) fn end(&self, task: Current, subscriber: u64, address: usize) -> bool {
        let Some(open) = self.open.get(hash(task, subscriber, address)) else {
            return false;
        };

        loop {
            let number = open.load();

            if number == 0 {
                return false;
            }
            if open.replace(number, number - 1) {
                return true;
            }
        }
    }
}

fn hash(task: Current, subscriber: u64, address: usize) -> usize {
    let sum = task
        .key()
        .wrapping_add(subscriber.wrapping_mul(31))
        .wrapping_add(address as u64);

    (sum.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as usize
}
