// SPDX-License-Identifier: GPL-2.0

//! How often a callback has refused, and how long it took.

use kernel::prelude::*;

use crate::{
    check::{
        Followers,
        FOLLOWERS, //
    },
    event::platform::Word,
    ffi::uapi::MNCK_HISTOGRAM, //
};

/// How often a callback has refused, and how long it took: in all, and for the processes of each user
/// that follows some. CPUs add to it at the same time. The probe itself counts the calls.
pub(super) struct Counts {
    refused: Word,
    longest_ns: Word,
    /// For each follower the counts of [`Followed`].
    followed: KVec<Word>,
}

/// The counts for one follower.
pub(crate) struct FollowedCounts {
    pub(crate) refused: u64,
    pub(crate) longest_ns: u64,
    /// How many calls took from 2^n ns to less than 2^(n+1) ns.
    pub(crate) histogram: [u64; HISTOGRAM],
}

const HISTOGRAM: usize = MNCK_HISTOGRAM as usize;

// The words of the counts for one follower. The histogram comes first.
const REFUSED: usize = HISTOGRAM;
const LONGEST: usize = HISTOGRAM + 1;
const WORDS: usize = HISTOGRAM + 2;

impl Counts {
    /// Makes counts that are 0. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]: out of memory.
    pub(super) fn new() -> Result<Self> {
        let mut followed = KVec::with_capacity(WORDS * FOLLOWERS, GFP_KERNEL)?;

        for _ in 0..WORDS * FOLLOWERS {
            followed.push(Word::new(0), GFP_KERNEL)?;
        }
        Ok(Self {
            refused: Word::new(0),
            longest_ns: Word::new(0),
            followed,
        })
    }

    /// Counts a call that took `taken` ns. Never sleeps.
    #[inline(always)]
    pub(super) fn add(&self, taken: u64, has_refused: bool) {
        if has_refused {
            self.refused.add(1);
        }
        raise(&self.longest_ns, taken);
    }

    /// As [`add`](Self::add), for those that follow the process.
    pub(super) fn add_followed(&self, taken: u64, has_refused: bool, followers: Followers) {
        let bucket = taken.checked_ilog2().unwrap_or(0) as usize;

        for words in followers.numbers().filter_map(|number| self.of(number)) {
            if let Some(count) = words.get(bucket.min(HISTOGRAM - 1)) {
                count.add(1);
            }
            if let [.., refused, longest] = words {
                raise(longest, taken);
                if has_refused {
                    refused.add(1);
                }
            }
        }
    }

    /// Returns the words for the follower with this number.
    fn of(&self, number: usize) -> Option<&[Word]> {
        let first = number.wrapping_mul(WORDS);

        self.followed.get(first..first.wrapping_add(WORDS))
    }

    /// Sets the counts for a follower to 0.
    pub(super) fn clear(&self, number: usize) {
        for word in self.of(number).unwrap_or_default() {
            word.store(0);
        }
    }

    /// Returns the counts for a follower.
    pub(super) fn followed(&self, number: usize) -> FollowedCounts {
        let words = self.of(number).unwrap_or_default();
        let word = |index: usize| words.get(index).map_or(0, Word::load);

        FollowedCounts {
            refused: word(REFUSED),
            longest_ns: word(LONGEST),
            histogram: core::array::from_fn(word),
        }
    }

    /// Returns how often it has refused a range, or failed.
    pub(super) fn refused(&self) -> u64 {
        self.refused.load()
    }

    /// Returns the longest time that it took, in ns.
    pub(super) fn longest_ns(&self) -> u64 {
        self.longest_ns.load()
    }
}

/// Sets `longest` to `taken` if that is longer.
#[inline]
fn raise(longest: &Word, taken: u64) {
    loop {
        let known = longest.load();

        // If another task has stored at the same time, that time may be shorter.
        if taken <= known || longest.replace(known, taken) {
            return;
        }
    }
}
