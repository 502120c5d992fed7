// SPDX-License-Identifier: GPL-2.0

//! What a task may be doing for a subscriber.

/// A callback, or a function of the core that waits for callbacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activity {
    /// The task runs a callback.
    Callback(Callback),
    /// The task waits for the callbacks of other tasks.
    Wait(Wait),
    /// The core starts or ends a range: it calls the callbacks of all subscribers.
    Range,
}

/// A kind of callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// The start of a member of a chain.
    ChainStart,
    /// The end of one.
    ChainEnd,
}

/// A function of the core that waits for callbacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// `mmu_notifier_unregister()`: waits for the callbacks of all subscribers to whole address
    /// spaces, of any mm, since they share one SRCU.
    Unregister,
    /// `mmu_interval_notifier_remove()`: waits for the open ranges of its mm.
    Remove,
    /// `mmu_interval_read_begin()`: waits for the open ranges of its mm.
    ReadBegin,
}

impl Callback {
    const ALL: [Self; 9] = [
        Self::Start,
        Self::End,
        Self::Release,
        Self::Invalidate,
        Self::Finish,
        Self::Flush,
        Self::Young,
        Self::ChainStart,
        Self::ChainEnd,
    ];

    /// Returns its name, as reports have it.
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

    /// Returns whether the callback may sleep if no range forbids it.
    pub(crate) const fn may_sleep(self) -> bool {
        !matches!(self, Self::Flush | Self::Young)
    }

    /// Returns whether the core calls it under its SRCU, for which unregister waits.
    pub(crate) const fn is_under_srcu(self) -> bool {
        !matches!(self, Self::Invalidate | Self::Finish)
    }
}

impl Wait {
    const ALL: [Self; 3] = [Self::Unregister, Self::Remove, Self::ReadBegin];

    /// Returns the name of the function that waits.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Unregister => "unregister",
            Self::Remove => "remove",
            Self::ReadBegin => "read_begin",
        }
    }
}

impl Activity {
    /// The first code of a wait. Less than this is the code of a callback.
    const WAITS: u8 = 0x80;

    /// The code of a range.
    const RANGE: u8 = 0x40;

    /// Returns its name, as reports have it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Callback(callback) => callback.name(),
            Self::Wait(wait) => wait.name(),
            Self::Range => "range",
        }
    }

    /// Returns its number.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Callback(callback) => callback as u8,
            Self::Wait(wait) => Self::WAITS | wait as u8,
            Self::Range => Self::RANGE,
        }
    }

    /// Returns the activity with this number.
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        let index = usize::from(code & !Self::WAITS);

        if code == Self::RANGE {
            Some(Self::Range)
        } else if code < Self::WAITS {
            Callback::ALL.get(index).copied().map(Self::Callback)
        } else {
            Wait::ALL.get(index).copied().map(Self::Wait)
        }
    }
}
