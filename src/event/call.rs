// SPDX-License-Identifier: GPL-2.0

//! The call of a callback, as a fact.

use super::{
    Activity,
    Callback,
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
