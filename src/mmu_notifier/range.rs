// SPDX-License-Identifier: GPL-2.0

//! What is invalidated, and why.

use core::{
    num::NonZeroUsize,
    ptr::NonNull, //
};

use kernel::{
    bindings,
    mm::Mm,
    types::Opaque, //
};

/// A range of an address space whose translations are about to change, or have just changed.
///
/// Wraps `struct mmu_notifier_range`. It exists for the time of a callback, and the subscriber sees
/// it by reference only.
///
/// # Invariants
///
/// `mm`, `start`, `end`, `flags` and `event` are initialised, `mm` is valid, and nothing changes
/// them while a `&Range` exists.
#[repr(transparent)]
pub struct Range(Opaque<bindings::mmu_notifier_range>);

impl Range {
    /// # Safety
    ///
    /// `ptr` must point to the range that core mm calls a callback for, for all of `'a`.
    #[inline]
    pub(super) unsafe fn from_raw<'a>(ptr: *const bindings::mmu_notifier_range) -> &'a Range {
        // CAST: `Range` is a transparent wrapper of `struct mmu_notifier_range`.
        // INVARIANT: Every initiator initialises its range with `mmu_notifier_range_init()`, has
        // the mm for at least the time of the call, and changes nothing between start and end.
        // SAFETY: By the duty above the pointer is valid for `'a`.
        unsafe { &*ptr.cast() }
    }

    /// The first byte's address, page-aligned unless the initiator did not care.
    #[inline]
    pub fn start(&self) -> usize {
        // SAFETY: By the type invariant.
        unsafe { (*self.0.get()).start }
    }

    /// The address behind the last byte: the range is half open. For the whole address space it is
    /// `usize::MAX`, which leaves out the last byte and is not page-aligned.
    #[inline]
    pub fn end(&self) -> usize {
        // SAFETY: By the type invariant.
        unsafe { (*self.0.get()).end }
    }

    /// The address space.
    ///
    /// In a callback `current` may be any task: compare with this, not with the current task's mm.
    #[inline]
    pub fn mm(&self) -> &Mm {
        // SAFETY: By the type invariant `mm` is valid, for as long as the range.
        unsafe { Mm::from_raw((*self.0.get()).mm) }
    }

    /// Why the range is invalidated.
    #[inline]
    pub fn event(&self) -> Event {
        // SAFETY: By the type invariant.
        Event::from_raw(unsafe { (*self.0.get()).event })
    }

    /// Whether `owner` is who changes the range, and says so: those do that migrate pages or make
    /// them exclusive, so that their own subscriber can tell its own doing.
    #[inline]
    pub fn is_owned_by(&self, owner: Owner) -> bool {
        match self.event() {
            Event::Migrate | Event::Exclusive => {
                // SAFETY: By the type invariant; and the initiators of these two events, unlike
                // those of others, use `mmu_notifier_range_init_owner()`.
                let said = unsafe { (*self.0.get()).owner };

                said.addr() == owner.0.get()
            }
            _ => false,
        }
    }

    /// Which range this is, among those that are under way: the same in all callbacks from its start
    /// to its end.
    #[inline]
    pub fn id(&self) -> RangeId {
        // The initiator has it on its stack for all that time.
        RangeId(self.0.get().addr())
    }

    /// Whether the callbacks may sleep: `mmu_notifier_range_blockable()`.
    #[inline]
    pub fn is_blockable(&self) -> bool {
        // SAFETY: By the type invariant.
        unsafe { (*self.0.get()).flags & bindings::MMU_NOTIFIER_RANGE_BLOCKABLE != 0 }
    }
}

/// Which of the ranges that are under way one is, in whatever address space; compared only. A later
/// range may have it again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RangeId(usize);

impl RangeId {
    /// Returns the address of the initiator's `struct mmu_notifier_range`. Only to be compared.
    #[inline]
    pub fn addr(self) -> usize {
        self.0
    }
}

/// Who changes a range: an address that stands for a driver or a device, and is compared only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Owner(NonZeroUsize);

impl Owner {
    /// The owner that `who` stands for, as the initiator gave it: `pgmap_owner` of
    /// `struct migrate_vma`.
    #[inline]
    pub fn new<T>(who: NonNull<T>) -> Self {
        Self(who.addr())
    }
}

/// Why a range is invalidated: `enum mmu_notifier_event`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The mapping goes, by munmap or mremap.
    Unmap,
    /// The translations go and the mapping stays: the pages may be others afterwards.
    Clear,
    /// The protection of the mapping changes.
    ProtectionVma,
    /// The protection of the pages changes, that of the mapping stays.
    ProtectionPage,
    /// The pages are made clean, to see who dirties them.
    SoftDirty,
    /// The address space goes.
    Release,
    /// The pages migrate to or from a device.
    Migrate,
    /// A device gets the pages for itself.
    Exclusive,
    /// An event that did not exist when this was written, with its number.
    Unknown(bindings::mmu_notifier_event),
}

impl Event {
    /// Its number, in C.
    pub const fn as_raw(self) -> bindings::mmu_notifier_event {
        match self {
            Self::Unmap => bindings::mmu_notifier_event_MMU_NOTIFY_UNMAP,
            Self::Clear => bindings::mmu_notifier_event_MMU_NOTIFY_CLEAR,
            Self::ProtectionVma => bindings::mmu_notifier_event_MMU_NOTIFY_PROTECTION_VMA,
            Self::ProtectionPage => bindings::mmu_notifier_event_MMU_NOTIFY_PROTECTION_PAGE,
            Self::SoftDirty => bindings::mmu_notifier_event_MMU_NOTIFY_SOFT_DIRTY,
            Self::Release => bindings::mmu_notifier_event_MMU_NOTIFY_RELEASE,
            Self::Migrate => bindings::mmu_notifier_event_MMU_NOTIFY_MIGRATE,
            Self::Exclusive => bindings::mmu_notifier_event_MMU_NOTIFY_EXCLUSIVE,
            Self::Unknown(unknown) => unknown,
        }
    }

    #[inline]
    fn from_raw(event: bindings::mmu_notifier_event) -> Self {
        match event {
            bindings::mmu_notifier_event_MMU_NOTIFY_UNMAP => Self::Unmap,
            bindings::mmu_notifier_event_MMU_NOTIFY_CLEAR => Self::Clear,
            bindings::mmu_notifier_event_MMU_NOTIFY_PROTECTION_VMA => Self::ProtectionVma,
            bindings::mmu_notifier_event_MMU_NOTIFY_PROTECTION_PAGE => Self::ProtectionPage,
            bindings::mmu_notifier_event_MMU_NOTIFY_SOFT_DIRTY => Self::SoftDirty,
            bindings::mmu_notifier_event_MMU_NOTIFY_RELEASE => Self::Release,
            bindings::mmu_notifier_event_MMU_NOTIFY_MIGRATE => Self::Migrate,
            bindings::mmu_notifier_event_MMU_NOTIFY_EXCLUSIVE => Self::Exclusive,
            unknown => Self::Unknown(unknown),
        }
    }
}
