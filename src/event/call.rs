// SPDX-License-Identifier: GPL-2.0

//! The call of a callback, as a fact.

use super::{
    Activity,
    Callback,
    Kind,
    Range, //
};

/// A call of a callback, or of a function that waits for callbacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// The number of the subscriber, which no other subscriber has had.
    pub(crate) subscriber: u64,
    /// What is called.
    pub(crate) activity: Activity,
    /// The mm, by the address of its `struct mm_struct`, or 0 if that is not known. Only compared.
    pub(crate) mm: usize,
    /// The range that it is called for, if the caller says.
    pub(crate) range: Option<Range>,
    /// The instruction of the initiator that follows its call into the core, or 0 if that is not
    /// known.
    pub(crate) initiator: usize,
}

impl Call {
    /// Returns whether it may sleep.
    #[inline]
    pub(crate) fn may_sleep(&self) -> bool {
        match self.activity {
            Activity::Callback(callback) => {
                callback.may_sleep() && self.range.is_none_or(|range| range.blockable)
            }
            Activity::Wait(_) | Activity::Range => true,
        }
    }

    /// The bits of the sixth word of a call that belong to its range.
    pub(crate) const RANGE_BITS: u64 = (1 << 34) - 1;

    // Of these bits: the mode, and whether there is no range.
    const BLOCKABLE: u64 = 1 << 32;
    const NO_RANGE: u64 = 1 << 33;

    /// Returns all but the activity as words: the subscriber, the address of the range, the mm, the start,
    /// the end, the kind and the mode, and the initiator.
    #[inline]
    pub(crate) fn to_words(self) -> [u64; 7] {
        let (address, start, end, kind) = match self.range {
            Some(range) => (
                range.address as u64,
                range.start as u64,
                range.end as u64,
                u64::from(range.kind.0) | if range.blockable { Self::BLOCKABLE } else { 0 },
            ),
            None => (0, 0, 0, Self::NO_RANGE),
        };

        [
            self.subscriber,
            address,
            self.mm as u64,
            start,
            end,
            kind,
            self.initiator as u64,
        ]
    }

    /// Returns the call with these words and this activity.
    pub(crate) fn from_words(words: [u64; 7], activity: Activity) -> Self {
        let [subscriber, address, mm, start, end, kind, initiator] = words;

        Self {
            subscriber,
            activity,
            mm: mm as usize,
            range: (kind & Self::NO_RANGE == 0).then_some(Range {
                address: address as usize,
                start: start as usize,
                end: end as usize,
                kind: Kind(kind as u32),
                blockable: kind & Self::BLOCKABLE != 0,
            }),
            initiator: initiator as usize,
        }
    }

    /// Returns the address of the range, or 0 if it has none.
    #[inline]
    pub(crate) fn address(&self) -> usize {
        self.range.map_or(0, |range| range.address)
    }

    /// Returns the callback, if it is one.
    #[inline]
    pub(crate) fn callback(&self) -> Option<Callback> {
        match self.activity {
            Activity::Callback(callback) => Some(callback),
            Activity::Wait(_) | Activity::Range => None,
        }
    }
}
