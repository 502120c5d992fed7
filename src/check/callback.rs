// SPDX-License-Identifier: GPL-2.0

//! The kinds of callback.

use crate::ffi::LockMap;

/// A kind of callback.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Callback {
    /// `invalidate_range_start` of a subscriber to a whole address space.
    Start,
    /// `invalidate_range_end` of one.
    End,
    /// `release`.
    Release,
    /// `invalidate` or `invalidate_start` of an interval.
    Invalidate,
    /// `invalidate_finish` of one.
    Finish,
    /// `arch_invalidate_secondary_tlbs`.
    Flush,
    /// `clear_flush_young`, `clear_young`, `test_young`.
    Young,
    /// The start of a subscriber in a chain.
    ChainStart,
    /// The end of one.
    ChainEnd,
}

impl Callback {
    /// Its name, as reports have it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::End => "end",
            Self::Release => "release",
            Self::Invalidate => "invalidate",
            Self::Finish => "finish",
            Self::Flush => "flush",
            Self::Young => "young",
            Self::ChainStart => "chain start",
            Self::ChainEnd => "chain end",
        }
    }

    /// Whether it may sleep, where no range says so.
    pub(super) const fn may_sleep(self) -> bool {
        !matches!(self, Self::Flush | Self::Young)
    }

    /// The lockdep map that all callbacks of the kind run under.
    pub(super) const fn map(self) -> LockMap {
        match self {
            Self::Start => LockMap::Start,
            Self::End => LockMap::End,
            Self::Release => LockMap::Release,
            Self::Invalidate => LockMap::Invalidate,
            Self::Finish => LockMap::Finish,
            Self::Flush => LockMap::Flush,
            Self::Young => LockMap::Young,
            Self::ChainStart => LockMap::ChainStart,
            Self::ChainEnd => LockMap::ChainEnd,
        }
    }
}
