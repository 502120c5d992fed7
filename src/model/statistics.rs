// SPDX-License-Identifier: GPL-2.0

//! The statistics of a subscriber: what its callbacks were called for.

use core::{
    ops,
    ptr, //
};

use kernel::{
    mm::Mm,
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
        Rule,
        Scope,
        Watch, //
    },
    event::{
        self,
        Callback, //
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
        MNCK_RULE_PAIRING,
        MNCK_RULE_RANGE,
        MNCK_RULE_STALL, //
    },
    mmu_notifier::{
        Event,
        Flush,
        Range, //
    },
};

/// The number of the newest subscriber.
static SERIAL: Atomic<u64> = Atomic::new(0);

/// The statistics of one subscriber, and its checks.
///
/// One lock protects all statistics, so that a reader sees them as they were between two callbacks.
#[pin_data]
pub(crate) struct Statistics {
    /// Checks the subscriber, and is notified of all its callbacks.
    watch: Arc<Watch>,

    /// Innermost: nothing is called and no other lock is taken under this lock. Callbacks and
    /// readers take it.
    ///
    /// A plain spin lock is enough, because none of them runs in an interrupt or with interrupts
    /// disabled. Not even a flush does: it waits until other CPUs have flushed, too.
    #[pin]
    stats: SpinLock<mnck_stats>,
}

/// A callback that asks whether pages are young.
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
    /// Makes statistics of a subscriber that is attached to `mm`, all 0 except the serial number.
    /// Reports name the subscriber by its `kind` and that number. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]: out of memory.
    /// - [`ENODEV`]: the module is being removed.
    pub(super) fn new(kind: &'static CStr, mm: &Mm) -> Result<Arc<Self>> {
        Self::at(kind, address_of(mm))
    }

    /// As [`new`](Self::new), for the mm at an address, which is only compared.
    pub(super) fn at(kind: &'static CStr, mm: usize) -> Result<Arc<Self>> {
        let stats = mnck_stats {
            // The first is 1.
            serial: SERIAL.fetch_add(1, Relaxed).wrapping_add(1),
            ..mnck_stats::default()
        };
        let watch = Watch::new(kind, stats.serial, mm)?;

        Arc::pin_init(
            pin_init!(Self {
                watch,
                stats <- new_spinlock!(stats, "Statistics::stats"),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Returns the statistics so far. Members that do not belong to the subscriber are 0: `size`
    /// and `id` are the caller's, `made` and `freed` are the module's.
    pub(super) fn read(&self) -> mnck_stats {
        let mut stats = *self.stats.lock();

        for (count, rule) in stats.violations.iter_mut().zip(Rule::ALL) {
            *count = self.watch.violations(rule);
        }
        stats
    }

    /// Returns the watch that checks the subscriber.
    pub(super) fn watch(&self) -> &Watch {
        &self.watch
    }

    /// Checks one call of a callback, until the scope is dropped.
    #[inline(always)]
    pub(super) fn enter(&self, callback: Callback, range: Option<&Range>) -> Scope<'_> {
        self.watch.enter(callback, range.map(fact))
    }

    /// As [`enter`](Self::enter), for the end of a range that [`open`](Self::open) was called for.
    #[inline(always)]
    pub(super) fn enter_end(&self, callback: Callback, range: event::Range) -> Scope<'_> {
        self.watch.enter_end(callback, range)
    }

    /// Counts a start that has succeeded, of a subscriber without an end.
    pub(super) fn start(&self, range: &Range) {
        self.stats.lock().count_start(range, self.next_order());
    }

    /// Counts a start that refuses.
    pub(super) fn refuse(&self, range: &Range) {
        self.watch.refuses(fact(range));

        let mut stats = self.stats.lock();

        stats.count_start(range, self.next_order());
        count(&mut stats.refusals);
    }

    /// Counts a start that an end will follow: the call in `scope`.
    ///
    /// After [`release`](Self::release) the end may not follow: it comes only if the core has not
    /// unlinked the subscriber by then.
    pub(super) fn open(&self, range: &Range, scope: &mut Scope<'_>) {
        scope.opens();
        let mut stats = self.stats.lock();

        stats.count_start(range, self.next_order());
        if stats.releases == 0 {
            count(&mut stats.open);
        } else {
            count(&mut stats.closed_by_detach);
        }
    }

    /// Counts the end of a pair.
    pub(super) fn end(&self) {
        let mut stats = self.stats.lock();

        stats.count_end(self.next_order());
        if stats.releases == 0 {
            stats.open = stats.open.wrapping_sub(1);
        } else {
            stats.closed_by_detach = stats.closed_by_detach.wrapping_sub(1);
        }
    }

    /// Counts a start in a chain, where an end always follows.
    pub(super) fn start_in_chain(&self, range: &Range) {
        let mut stats = self.stats.lock();

        stats.count_start(range, self.next_order());
        count(&mut stats.open);
    }

    /// Counts the end of a pair in a chain, when its range is over.
    pub(super) fn end_in_chain(&self) {
        let mut stats = self.stats.lock();

        stats.count_end(self.next_order());
        stats.open = stats.open.wrapping_sub(1);
    }

    /// Counts the end of a pair in a chain, before its range is over.
    pub(super) fn close_in_chain(&self) {
        let mut stats = self.stats.lock();

        stats.open = stats.open.wrapping_sub(1);
        count(&mut stats.closed_by_detach);
    }

    /// Counts a release in a chain. The end of each open pair is still called.
    pub(super) fn release_in_chain(&self) {
        count(&mut self.stats.lock().releases);
        self.watch.released();
    }

    /// Counts a release. The ends of the open pairs may not be called any more.
    pub(super) fn release(&self) {
        let mut stats = self.stats.lock();

        count(&mut stats.releases);
        stats.closed_by_detach = stats.closed_by_detach.wrapping_add(stats.open);
        stats.open = 0;
        drop(stats);
        self.watch.released();
    }

    /// Counts a `question` about the pages of `range`, in bytes, half-open; `answer` says whether
    /// one was young.
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

    /// Counts a flush of the secondary TLB.
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

    /// Counts a look-up that is repeated because of an invalidation.
    pub(super) fn retry(&self) {
        count(&mut self.stats.lock().retries);
    }

    /// Returns the number of a start or an end among those of all subscribers of the mm.
    fn next_order(&self) -> u64 {
        self.watch.space().next_order()
    }

    /// Calls `wait`, and counts the caller as waiting until it returns.
    pub(super) fn while_waiting<R>(&self, wait: impl FnOnce() -> R) -> R {
        count(&mut self.stats.lock().waiting);
        let result = wait();

        let mut stats = self.stats.lock();
        stats.waiting = stats.waiting.wrapping_sub(1);
        result
    }
}

/// The statistics of a subscriber, for the subscriber itself. Its drop, when the subscriber is freed,
/// tells the checks that no callback may come any more.
pub(crate) struct Counting(Arc<Statistics>);

impl Counting {
    /// Makes the subscriber's reference to its `statistics`.
    pub(super) fn new(statistics: Arc<Statistics>) -> Self {
        Self(statistics)
    }
}

impl ops::Deref for Counting {
    type Target = Arc<Statistics>;

    fn deref(&self) -> &Arc<Statistics> {
        &self.0
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        self.watch.over();
    }
}

/// Adds 1. `+= 1` could panic on an overflow, and a callback must not panic.
fn count(counter: &mut u64) {
    *counter = counter.wrapping_add(1);
}

impl mnck_stats {
    fn count_end(&mut self, order: u64) {
        count(&mut self.ends);
        self.last_end_order = order;
    }

    fn count_start(&mut self, range: &Range, order: u64) {
        let event = index(range.event());

        count(&mut self.starts);
        self.last_start_order = order;
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

/// Returns `range` as a fact.
#[inline(always)]
pub(super) fn fact(range: &Range) -> event::Range {
    event::Range {
        address: range.id().addr(),
        start: range.start(),
        end: range.end(),
        kind: event::Kind(range.event().as_raw()),
        blockable: range.is_blockable(),
    }
}

/// Returns the address of `mm`, by which the checks tell it from others.
fn address_of(mm: &Mm) -> usize {
    ptr::from_ref(mm).addr()
}

static_assert!(Event::Release.as_raw() == event::Kind::RELEASE.0);

// `Rule` has the numbers of `enum mnck_rule`, and all fit into `mnck_stats.violations`.
static_assert!(Rule::Pairing as u32 == MNCK_RULE_PAIRING);
static_assert!(Rule::Latency as u32 == MNCK_RULE_LATENCY);
static_assert!(Rule::Stall as u32 == MNCK_RULE_STALL);
static_assert!(Rule::Range as u32 == MNCK_RULE_RANGE);
static_assert!(Rule::ALL.len() == MNCK_RULE_RANGE as usize + 1);
static_assert!(Rule::ALL.len() <= MNCK_RULES as usize);

/// Returns the index of `event` in `mnck_stats.events`.
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
