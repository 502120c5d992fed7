// SPDX-License-Identifier: GPL-2.0

//! A range, remembered.

use kernel::fmt;

use crate::mmu_notifier::{
    Event,
    Range, //
};

/// What a range was, for when there is no range any more.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct RangeInfo {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) event: Event,
    pub(crate) blockable: bool,
}

impl RangeInfo {
    pub(crate) fn of(range: &Range) -> Self {
        Self {
            start: range.start(),
            end: range.end(),
            event: range.event(),
            blockable: range.is_blockable(),
        }
    }

    /// The name of its event, as C has it, less the prefix.
    pub(crate) const fn event_name(&self) -> &'static str {
        match self.event {
            Event::Unmap => "UNMAP",
            Event::Clear => "CLEAR",
            Event::ProtectionVma => "PROTECTION_VMA",
            Event::ProtectionPage => "PROTECTION_PAGE",
            Event::SoftDirty => "SOFT_DIRTY",
            Event::Release => "RELEASE",
            Event::Migrate => "MIGRATE",
            Event::Exclusive => "EXCLUSIVE",
            Event::Unknown(_) => "UNKNOWN",
        }
    }

    /// Which of the two kinds of range it is.
    pub(crate) const fn mode_name(&self) -> &'static str {
        if self.blockable {
            "blockable"
        } else {
            "non-blockable"
        }
    }
}

/// As reports have it: "CLEAR 0x7f0000000000-0x7f0000001000 non-blockable".
impl fmt::Display for RangeInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {:#x}-{:#x} {}",
            self.event_name(),
            self.start,
            self.end,
            self.mode_name()
        )
    }
}
