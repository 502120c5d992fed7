// SPDX-License-Identifier: GPL-2.0

//! What a subscriber has seen.

use core::ops;

use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        SpinLock, //
    }, //
};

use crate::{
    check::{
        Callback,
        Rule,
        Scope,
        Watch, //
    },
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
        MNCK_RANGE_BLOCKABLE,
        MNCK_RULES,
        MNCK_RULE_LATENCY,
        MNCK_RULE_PAIRING, //
    },
    mmu_notifier::{
        Event,
        Flush,
        Range,
        RangeId, //
    },
};

/// The number of the last start or end, of whatever subscriber.
///
/// A task that sees one after another gives them rising numbers, whatever locks it holds: all
/// additions to one atomic happen in one order.
static ORDER: Atomic<u64> = Atomic::new(0);

/// The number of the newest subscriber.
static SERIAL: Atomic<u64> = Atomic::new(0);

/// The next number: the first is 1.
fn next(counter: &Atomic<u64>) -> u64 {
    counter.fetch_add(1, Relaxed).wrapping_add(1)
}

/// The statistics of one subscriber, exact at every moment.
///
/// All of them stand under one lock, so that a reader sees them as they were between two callbacks.
#[pin_data]
pub(crate) struct Statistics {
    /// Told of all that the subscriber does.
    watch: Arc<Watch>,

    /// Innermost: nothing is called and no other lock is taken under it. Callbacks take it, and
    /// whoever reads.
    ///
    /// A plain spin lock will do, since none of them runs in an interrupt or with interrupts
    /// disabled: also a flush does not, which waits for other CPUs to flush as well.
    #[pin]
    stats: SpinLock<mnck_stats>,
}

/// A question about young pages.
#[derive(Clone, Copy)]
pub(super) enum Young {
    /// `clear_flush_young`.
    ClearFlush,
    /// `clear_young`.
    Clear,
    /// `test_young`.
    Test,
}

impl Statistics {
    /// All zero, but for the serial number, by which and by its `kind` the subscriber is known to
    /// the [`check`](crate::check)s. May sleep.
    pub(super) fn new(kind: &'static CStr) -> Result<Arc<Self>> {
        let stats = mnck_stats {
            serial: next(&SERIAL),
            ..mnck_stats::default()
        };
        let watch = Watch::new(kind, stats.serial)?;

        Arc::pin_init(
            pin_init!(Self {
                watch,
                stats <- new_spinlock!(stats, "Statistics::stats"),
            }),
            GFP_KERNEL,
        )
    }

    /// What was seen so far. What is not the subscriber's own is zero: `size` and `id`, which are
    /// the caller's, `made` and `freed`, which are the module's.
    pub(super) fn read(&self) -> mnck_stats {
        let mut stats = *self.stats.lock();

        for (count, rule) in stats.violations.iter_mut().zip(Rule::ALL) {
            *count = self.watch.violations(rule);
        }
        stats
    }

    /// Who checks the subscriber.
    pub(super) fn watch(&self) -> &Watch {
        &self.watch
    }

    /// Checks one run of a callback, until the scope is dropped.
    pub(super) fn enter(&self, callback: Callback, range: Option<&Range>) -> Scope<'_> {
        self.watch.enter(callback, range)
    }

    /// A start of a subscriber that has no end, and did not refuse.
    pub(super) fn start(&self, range: &Range) {
        self.stats.lock().count_start(range);
    }

    /// A start that refused.
    pub(super) fn refuse(&self, range: &Range) {
        self.watch.refuses(range);

        let mut stats = self.stats.lock();

        stats.count_start(range);
        count(&mut stats.refusals);
    }

    /// A start that an end will follow.
    ///
    /// Not so after [`release`](Self::release): the end then comes only if the core has not
    /// unlinked the subscriber before.
    pub(super) fn open(&self, range: &Range) {
        let mut stats = self.stats.lock();

        stats.count_start(range);
        if stats.releases == 0 {
            count(&mut stats.open);
        } else {
            count(&mut stats.closed_by_detach);
        }
        drop(stats);
        self.watch.started(range);
    }

    /// The end of a pair.
    pub(super) fn end(&self, range: &Range) {
        self.watch.ended(range);
        self.count_end();
    }

    /// The end of a pair of which the `id` alone is known.
    pub(super) fn end_id(&self, id: RangeId) {
        self.watch.ended_id(id);
        self.count_end();
    }

    fn count_end(&self) {
        let mut stats = self.stats.lock();

        stats.count_end();
        if stats.releases == 0 {
            stats.open = stats.open.wrapping_sub(1);
        } else {
            stats.closed_by_detach = stats.closed_by_detach.wrapping_sub(1);
        }
    }

    /// A start in a chain, where one end follows always.
    pub(super) fn start_in_chain(&self, range: &Range) {
        let mut stats = self.stats.lock();

        stats.count_start(range);
        count(&mut stats.open);
    }

    /// The end of a pair in a chain, with its range.
    pub(super) fn end_in_chain(&self) {
        let mut stats = self.stats.lock();

        stats.count_end();
        stats.open = stats.open.wrapping_sub(1);
    }

    /// The end of no pair.
    pub(super) fn end_without_start(&self) {
        self.stats.lock().count_end();
    }

    /// The end of a pair in a chain, before its range is over.
    pub(super) fn gone(&self) {
        let mut stats = self.stats.lock();

        stats.open = stats.open.wrapping_sub(1);
        count(&mut stats.closed_by_detach);
    }

    /// The release in a chain: each pair that is open is ended still.
    pub(super) fn release_in_chain(&self) {
        count(&mut self.stats.lock().releases);
    }

    /// The subscription ends: the pairs that are open may not see their end.
    pub(super) fn release(&self) {
        let mut stats = self.stats.lock();

        count(&mut stats.releases);
        stats.closed_by_detach = stats.closed_by_detach.wrapping_add(stats.open);
        stats.open = 0;
        drop(stats);
        self.watch.released();
    }

    /// A question about the pages of `range`, in bytes, half open, and whether one was young.
    pub(super) fn young(&self, question: Young, range: ops::Range<usize>, answer: bool) {
        let mut stats = self.stats.lock();

        match question {
            Young::ClearFlush => count(&mut stats.clear_flush_young),
            Young::Clear => count(&mut stats.clear_young),
            Young::Test => count(&mut stats.test_young),
        }
        if answer {
            count(&mut stats.young);
        }
        stats.last_young_start = range.start as u64;
        stats.last_young_end = range.end as u64;
    }

    /// A flush of the secondary TLB.
    pub(super) fn flush(&self, flush: Flush) {
        let mut stats = self.stats.lock();

        count(&mut stats.flushes);
        match flush {
            Flush::All => count(&mut stats.flushes_all),
            Flush::Range(range) => {
                stats.last_flush_start = range.start as u64;
                stats.last_flush_end = range.end as u64;
            }
        }
    }

    /// A lookup that an invalidation has made worthless.
    pub(super) fn retry(&self) {
        count(&mut self.stats.lock().retries);
    }

    /// Calls `wait`, and counts the caller among those that wait meanwhile.
    pub(super) fn while_waiting<R>(&self, wait: impl FnOnce() -> R) -> R {
        count(&mut self.stats.lock().waiting);
        let result = wait();

        let mut stats = self.stats.lock();
        stats.waiting = stats.waiting.wrapping_sub(1);
        result
    }
}

/// One more. A callback must not panic, which `+= 1` may.
fn count(counter: &mut u64) {
    *counter = counter.wrapping_add(1);
}

impl mnck_stats {
    fn count_end(&mut self) {
        count(&mut self.ends);
        self.last_end_order = next(&ORDER);
    }

    fn count_start(&mut self, range: &Range) {
        let event = index(range.event());

        count(&mut self.starts);
        self.last_start_order = next(&ORDER);
        if let Some(events) = self.events.get_mut(event as usize) {
            count(events);
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
            count(&mut self.non_blockable);
        }
    }
}

// The kernel's rules are the user's, in the same order, and there is room for more.
static_assert!(Rule::Pairing as u32 == MNCK_RULE_PAIRING);
static_assert!(Rule::Latency as u32 == MNCK_RULE_LATENCY);
static_assert!(Rule::ALL.len() == MNCK_RULE_LATENCY as usize + 1);
static_assert!(Rule::ALL.len() <= MNCK_RULES as usize);

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
