// SPDX-License-Identifier: GPL-2.0

//! A range, as a fact.

use super::platform::fmt;

/// A range that is invalidated, remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    /// Where the initiator has its `struct mmu_notifier_range`: on its stack, from the start to the
    /// end. Only compared. A later range may have the same address.
    pub(crate) address: usize,
    /// The first byte.
    pub(crate) start: usize,
    /// The byte after the last.
    pub(crate) end: usize,
    /// Why the range is invalidated.
    pub(crate) kind: Kind,
    /// Whether callbacks may sleep: `mmu_notifier_range_blockable()`.
    pub(crate) blockable: bool,
}

/// Why a range is invalidated: a number of `enum mmu_notifier_event`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind(pub(crate) u32);

impl Kind {
    /// `MMU_NOTIFY_RELEASE`: the address space goes.
    pub(crate) const RELEASE: Self = Self(5);

    /// Not an event of C's: the core asks whether pages are young.
    pub(crate) const YOUNG: Self = Self(0x100);

    /// Returns the name that C has for it, without the prefix.
    pub(crate) const fn name(self) -> &'static str {
        match self.0 {
            0 => "UNMAP",
            1 => "CLEAR",
            2 => "PROTECTION_VMA",
            3 => "PROTECTION_PAGE",
            4 => "SOFT_DIRTY",
            5 => "RELEASE",
            6 => "MIGRATE",
            7 => "EXCLUSIVE",
            0x100 => "YOUNG",
            _ => "UNKNOWN",
        }
    }
}

impl Range {
    /// Returns the name of its mode.
    pub(crate) const fn mode_name(&self) -> &'static str {
        if self.blockable {
            "blockable"
        } else {
            "non-blockable"
        }
    }
}

/// As reports have it: "CLEAR 0x7f0000000000-0x7f0000001000 non-blockable".
impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {:#x}-{:#x} {}",
            self.kind.name(),
            self.start,
            self.end,
            self.mode_name()
        )
    }
}
