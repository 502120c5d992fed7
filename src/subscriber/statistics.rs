// SPDX-License-Identifier: GPL-2.0

//! What a subscriber has seen.

use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        Arc,
        SpinLock, //
    }, //
};

use crate::{
    ffi::uapi::{
        mnck_event,
        mnck_stats,
        MNCK_EVENT_CLEAR,
        MNCK_EVENT_EXCLUSIVE,
        MNCK_EVENT_MIGRATE,
        MNCK_EVENT_PROTECTION_PAGE,
        MNCK_EVENT_PROTECTION_VMA,
        MNCK_EVENT_RELEASE,
        MNCK_EVENT_SOFT_DIRTY,
        MNCK_EVENT_UNKNOWN,
        MNCK_EVENT_UNMAP,
        MNCK_RANGE_BLOCKABLE, //
    },
    mmu_notifier::{
        Event,
        Range, //
    },
};

/// The statistics of one subscriber, exact at every moment.
///
/// All of them stand under one lock, so that a reader sees them as they were between two callbacks.
#[pin_data]
pub(crate) struct Statistics {
    /// Innermost: nothing is called and no other lock is taken under it. Callbacks take it, in task
    /// context, and whoever reads.
    #[pin]
    stats: SpinLock<mnck_stats>,
}

impl Statistics {
    /// All zero.
    pub(crate) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                stats <- new_spinlock!(mnck_stats::default(), "Statistics::stats"),
            }),
            GFP_KERNEL,
        )
    }

    /// What was seen so far. `size` and `id` are zero.
    pub(crate) fn read(&self) -> mnck_stats {
        *self.stats.lock()
    }

    /// A start of a subscriber that has no end, and did not refuse.
    pub(super) fn start(&self, range: &Range) {
        self.stats.lock().count_start(range);
    }

    /// A start that refused.
    pub(super) fn refuse(&self, range: &Range) {
        let mut stats = self.stats.lock();

        stats.count_start(range);
        stats.refusals = stats.refusals.wrapping_add(1);
    }

    /// A start that an end will follow.
    ///
    /// Not so after [`release`](Self::release): the end then comes only if the core has not
    /// unlinked the subscriber before.
    pub(super) fn open(&self, range: &Range) {
        let mut stats = self.stats.lock();

        stats.count_start(range);
        if stats.releases == 0 {
            stats.open = stats.open.wrapping_add(1);
        } else {
            stats.closed_by_detach = stats.closed_by_detach.wrapping_add(1);
        }
    }

    /// The end of a pair.
    pub(super) fn end(&self) {
        let mut stats = self.stats.lock();

        stats.ends = stats.ends.wrapping_add(1);
        if stats.releases == 0 {
            stats.open = stats.open.wrapping_sub(1);
        } else {
            stats.closed_by_detach = stats.closed_by_detach.wrapping_sub(1);
        }
    }

    /// The subscription ends: the pairs that are open may not see their end.
    pub(super) fn release(&self) {
        let mut stats = self.stats.lock();

        stats.releases = stats.releases.wrapping_add(1);
        stats.closed_by_detach = stats.closed_by_detach.wrapping_add(stats.open);
        stats.open = 0;
    }
}

impl mnck_stats {
    fn count_start(&mut self, range: &Range) {
        let event = index(range.event());

        self.starts = self.starts.wrapping_add(1);
        if let Some(count) = self.events.get_mut(event as usize) {
            *count = count.wrapping_add(1);
        }

        self.last_start = range.start() as u64;
        self.last_end = range.end() as u64;
        self.last_event = event;
        self.bytes = self
            .bytes
            .wrapping_add(self.last_end.wrapping_sub(self.last_start));

        if range.is_blockable() {
            self.last_flags = MNCK_RANGE_BLOCKABLE;
        } else {
            self.last_flags = 0;
            self.non_blockable = self.non_blockable.wrapping_add(1);
        }
    }
}

/// The place of `event` in `mnck_stats.events`.
fn index(event: Event) -> mnck_event {
    match event {
        Event::Unmap => MNCK_EVENT_UNMAP,
        Event::Clear => MNCK_EVENT_CLEAR,
        Event::ProtectionVma => MNCK_EVENT_PROTECTION_VMA,
        Event::ProtectionPage => MNCK_EVENT_PROTECTION_PAGE,
        Event::SoftDirty => MNCK_EVENT_SOFT_DIRTY,
        Event::Release => MNCK_EVENT_RELEASE,
        Event::Migrate => MNCK_EVENT_MIGRATE,
        Event::Exclusive => MNCK_EVENT_EXCLUSIVE,
        Event::Unknown(_) => MNCK_EVENT_UNKNOWN,
    }
}
