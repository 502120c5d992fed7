// SPDX-License-Identifier: GPL-2.0

//! The probes on the core: each range of each process that has a subscriber, and the functions that
//! register subscribers or wait for callbacks.

use kernel::{
    prelude::*,
    sync::Arc, //
};

use super::{
    known::Known,
    live::{
        Live,
        Registering, //
    },
    refusals::Refusals,
    registrations::Registrations,
    tables::Tables, //
};
use crate::{
    check::{
        callback::Finding,
        ledger::{
            Mismatch,
            Recorded, //
        },
        Calls,
        Followed,
        Registry,
        Rule,
        Watch, //
    },
    event::{
        platform::Word,
        Activity,
        Call,
        Kind,
        Range,
        Wait, //
    },
    ffi::{
        function_probe::*,
        is_own,
        subscriptions::{
            callbacks_of,
            put_subscription, //
        }, //
    }, //
};

/// The functions of the core that are probed, and their numbers. A driver calls some of them, and some
/// through an inline function, so each is exported or called from another file, and is never inlined.
pub(super) const FUNCTIONS: [(u32, &CStr); 14] = [
    // The end is probed before the start, so that each observed start has an observed end.
    (MNCK_CORE_END, c"__mmu_notifier_invalidate_range_end"),
    (MNCK_CORE_START, c"__mmu_notifier_invalidate_range_start"),
    (MNCK_CORE_REGISTER, c"mmu_notifier_register"),
    (MNCK_CORE_REGISTER, c"__mmu_notifier_register"),
    (MNCK_CORE_GET, c"mmu_notifier_get_locked"),
    (MNCK_CORE_INSERT, c"mmu_interval_notifier_insert"),
    (MNCK_CORE_INSERT, c"mmu_interval_notifier_insert_locked"),
    (MNCK_CORE_UNREGISTER, c"mmu_notifier_unregister"),
    (MNCK_CORE_REMOVE, c"mmu_interval_notifier_remove"),
    (MNCK_CORE_READ_BEGIN, c"mmu_interval_read_begin"),
    (MNCK_CORE_PUT, c"mmu_notifier_put"),
    (MNCK_CORE_RELEASE, c"__mmu_notifier_release"),
    (MNCK_CORE_YOUNG, c"__mmu_notifier_clear_flush_young"),
    (MNCK_CORE_YOUNG, c"__mmu_notifier_clear_young"),
];

/// What the probes on the core know.
pub(super) struct CoreMm {
    watch: Arc<Watch>,
    /// Of `watch`.
    key: u64,
    calls: Arc<Calls>,
    /// 1 while calls are observed. A range is followed only if its start was.
    active: Word,
    /// 1 once it is known which mms have ranges whose start was not seen.
    knows_mms: Word,
    /// The mms whose ranges are not all known, since some were open when the observation began.
    pub(super) unknown: Known,
    /// The subscriptions to intervals that were read: their drivers need the sequence.
    readers: Known,
    /// The intervals whose last insert has failed.
    uninserted: Known,
    /// The tables of callbacks whose `free_notifier` is probed.
    frees: Known,
    /// The subscriptions with such a table that were put, until they are freed.
    put: Known,
    /// The subscriptions that were registered and not ended.
    live: Live,
    tables: Arc<Tables>,
    refusals: Refusals,
    registrations: Registrations,
    followed: Arc<Followed>,
    /// The ends whose start was not seen.
    unseen: Word,
    /// The reads for which `readers` had no place.
    unread: Word,
    /// The refusals at which rule `sequence` was not judged.
    uncompared: Word,
    /// The subscriptions that rule `lifetime` does not know, since a set was full.
    unkept: Word,
    /// The ranges that began while a driver was registered and not probed yet.
    late: Word,
}

/// The number of the token of a call, until it returns.
#[derive(Clone, Copy)]
pub(super) struct TokenNumber(u64);

impl CoreMm {
    /// How often the comparison of two counts may be spoiled by ranges that begin or end.
    const ATTEMPTS: usize = 64;

    /// Makes the observer, which is not active. May sleep.
    pub(super) fn new(watch: Arc<Watch>, tables: Arc<Tables>) -> Result<Self> {
        let registry = Registry::get().ok_or(ENODEV)?;

        Ok(Self {
            key: watch.key(),
            calls: registry.calls().clone(),
            watch,
            active: Word::new(0),
            knows_mms: Word::new(0),
            unknown: Known::new(64)?,
            readers: Known::new(1024)?,
            uninserted: Known::new(256)?,
            frees: Known::new(256)?,
            put: Known::new(256)?,
            live: Live::new()?,
            tables,
            refusals: Refusals::new()?,
            registrations: Registrations::new()?,
            followed: registry.followed().clone(),
            unseen: Word::new(0),
            unread: Word::new(0),
            uncompared: Word::new(0),
            unkept: Word::new(0),
            late: Word::new(0),
        })
    }

    /// Begins or stops to observe calls.
    pub(super) fn set_active(&self, active: bool) {
        self.active.store_release(active.into());
    }

    /// Records that it is known by now which mms are [`unknown`](Self::unknown).
    pub(super) fn set_knows_mms(&self) {
        self.knows_mms.store_release(1);
    }

    /// Returns the range at `address` that the core has started in the current task, if it was observed.
    /// If `address` is 0, returns the range that the core starts or ends at the moment.
    pub(super) fn current_range(&self, address: usize) -> Option<Recorded> {
        self.calls.current_range(self.key, address)
    }

    /// Returns the calls of all subscribers.
    pub(super) fn calls(&self) -> &Arc<Calls> {
        &self.calls
    }

    /// Returns what is recorded of the core, and by which key.
    pub(super) fn watch(&self) -> &Watch {
        &self.watch
    }

    /// Returns how many subscriptions had no place among those that were read: rule `sequence` is not
    /// judged for them.
    pub(super) fn unread(&self) -> u64 {
        self.unread.load()
    }

    /// Returns at how many refusals rule `sequence` was not judged, since too many ranges began and ended
    /// at the same time.
    pub(super) fn uncompared(&self) -> u64 {
        self.uncompared.load()
    }

    /// Keeps an address in a set.
    fn keep(&self, set: &Known, address: usize) {
        if !set.insert(address as u64) {
            self.unkept.add(1);
        }
    }

    /// Returns for how many subscriptions rule `lifetime` is not judged, since there were too many.
    pub(super) fn unkept(&self) -> u64 {
        self.unkept.load()
    }

    /// Returns how many ranges began while a driver was registered and not probed yet.
    pub(super) fn late(&self) -> u64 {
        self.late.load()
    }

    /// Returns how many ranges ended whose start was not seen.
    pub(super) fn unseen(&self) -> u64 {
        self.unseen.load()
    }

    /// Records that the free callback of this table of callbacks is probed.
    pub(super) fn sees_frees_of(&self, table: usize) {
        // If the set is full, unfreed subscriptions of this table are not reported.
        self.keep(&self.frees, table);
    }

    /// Forgets the tables in memory that is `gone`, and their subscriptions that were put.
    pub(super) fn forget_frees(&self, gone: impl Fn(usize) -> bool) {
        self.live.forget(&gone);
        self.frees.remove(|table| gone(table as usize));
        self.put.remove(|subscription| {
            put_subscription(subscription as usize).is_none_or(|(table, _)| gone(table))
        });
    }

    /// Records that a subscription that was put is freed.
    pub(super) fn freed(&self, subscription: usize) {
        self.put.remove_one(subscription as u64);
    }

    /// Returns the subscriptions that were put and are not freed.
    pub(super) fn put(&self) -> impl Iterator<Item = usize> + '_ {
        self.put.all().map(|subscription| subscription as usize)
    }

    /// Returns whether the driver of a subscription to an interval reads the sequence.
    pub(super) fn is_reader(&self, subscription: usize) -> bool {
        self.readers.has(subscription as u64)
    }

    /// Returns which subscribers have refused ranges.
    pub(super) fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// Returns what is known of registrations.
    pub(super) fn registrations(&self) -> &Registrations {
        &self.registrations
    }

    /// Returns the processes that users follow.
    #[inline]
    pub(super) fn followed(&self) -> &Followed {
        &self.followed
    }

    /// Returns the call for `range` as a fact.
    #[inline(always)]
    fn fact(&self, call: &ProbedCall, activity: Activity, range: Option<Range>) -> Call {
        Call {
            subscriber: self.key,
            activity,
            mm: call.mm(),
            range,
            initiator: call.caller(),
        }
    }

    fn call(&self, call: &ProbedCall, activity: Activity) -> Call {
        self.fact(call, activity, call.range())
    }

    #[inline(always)]
    fn start(&self, call: &ProbedCall, range: Range) -> TokenNumber {
        let fact = self.fact(call, Activity::Range, Some(range));

        if !is_whole(range) {
            self.report_bad_range(call);
        }
        if self.tables.is_late() {
            self.late.add(1);
        }
        if !range.blockable {
            // Forgets an earlier refusal of a range at the same address.
            self.refusals.add(0, range.address);
        }
        match self.calls.begin_first(&fact) {
            Some(token) => TokenNumber(self.calls.number(token)),
            None => self.start_slowly(call),
        }
    }

    /// Records a start whose task has other calls under way. The fact is made again, so that other calls
    /// need not keep it in memory.
    #[cold]
    #[inline(never)]
    fn start_slowly(&self, call: &ProbedCall) -> TokenNumber {
        let fact = self.call(call, Activity::Range);
        let token = self.calls.begin(&fact, |leak| {
            self.watch.report_leak_later(leak);
        });

        TokenNumber(self.calls.number(token))
    }

    #[cold]
    fn report_bad_range(&self, call: &ProbedCall) {
        let fact = self.call(call, Activity::Range);

        self.watch
            .report_later(Finding::BadRange, &fact, call.pid());
    }

    #[inline(always)]
    fn started(&self, call: &ProbedCall, result: usize, state: TokenNumber) {
        // A blockable range that a driver has failed is ended all the same.
        if result as i32 == 0 || call.range().is_some_and(|range| range.blockable) {
            self.finish(call, state, true);
        } else {
            self.failed(call, state);
        }
    }

    #[cold]
    fn failed(&self, call: &ProbedCall, state: TokenNumber) {
        // The call is not known any more when its entry is free.
        let recorded = self.current_range(call.range_address());

        self.finish(call, state, false);
        if let Some(recorded) = recorded {
            self.check_sequence(call, &recorded);
        }
    }

    /// Rule `sequence`, when a subscriber has refused: the core counts the ranges that are open for
    /// intervals. If it counts more than there are, the sequence does not come back to even.
    ///
    /// Each range that the core counts is recorded, also that of a release: from before the core adds it
    /// until after the core has subtracted it. So the core never counts more, if all ranges were seen.
    /// The two counts are compared while no range of the mm is recorded or freed.
    fn check_sequence(&self, call: &ProbedCall, refused: &Recorded) {
        // Also once it was reported for this mm.
        if self.unknown.has(call.mm() as u64) {
            return;
        }
        if self.knows_mms.load_acquire() == 0
            || self.calls.lost() != 0
            || !self.watch.is_judged()
            // The core still counts a range that has no end.
            || self.watch.violations(Rule::Pairing) != 0
        {
            self.uncompared.add(1);
            return;
        }
        let Some((active, recorded)) = (0..Self::ATTEMPTS).find_map(|_| {
            let before = self.calls.snapshot(self.key, call.mm())?;
            let state = call.core_state()?;
            let after = self.calls.snapshot(self.key, call.mm())?;

            (before == after).then_some((state.active_ranges, before.number))
        }) else {
            self.uncompared.add(1);
            return;
        };

        // Once for each mm: it stays so.
        if active > recorded && self.unknown.insert(call.mm() as u64) {
            let refuser = self
                .refusals
                .refuser(refused.task.key, call.range_address())
                .unwrap_or(0);

            self.watch
                .report_later(Finding::SequenceStuck(refuser), &refused.call, call.pid());
        }
    }

    #[inline(always)]
    fn end(&self, call: &ProbedCall, range: Range) -> TokenNumber {
        let fact = self.fact(call, Activity::Range, Some(range));

        match self.calls.end_first(&fact) {
            Some(token) => TokenNumber(self.calls.number(token)),
            None => self.end_slowly(call),
        }
    }

    /// As [`start_slowly`](Self::start_slowly), for an end.
    #[cold]
    #[inline(never)]
    fn end_slowly(&self, call: &ProbedCall) -> TokenNumber {
        let fact = self.call(call, Activity::Range);
        let token = self.calls.begin_end(&fact, |mismatch| match mismatch {
            // It may have begun before the observation.
            Mismatch::NotOpen | Mismatch::OtherTask(_) => {
                self.unseen.add(1);
            }
            Mismatch::OtherRange(_) => {
                self.watch.report_later(Finding::Changed, &fact, call.pid());
            }
        });

        TokenNumber(self.calls.number(token))
    }

    /// Records that a call has returned, and whether it has opened a range.
    #[inline(always)]
    fn finish(&self, call: &ProbedCall, state: TokenNumber, is_open: bool) {
        self.calls.finish(
            self.calls.token(state.0, call.range_address()),
            self.key,
            is_open,
        );
    }

    /// Rule `range`, for pages that may be young.
    fn check_young(&self, call: &ProbedCall) {
        let range = Range {
            address: 0,
            start: call.start(),
            end: call.end(),
            kind: Kind::YOUNG,
            blockable: false,
        };

        if !is_whole(range) {
            self.watch.report_later(
                Finding::BadRange,
                &Call {
                    range: Some(range),
                    ..self.call(call, Activity::Range)
                },
                call.pid(),
            );
        }
    }

    /// Rule `lifetime`, for an interval that is removed: it was inserted.
    fn check_removed(&self, call: &ProbedCall) {
        let interval = call.subscription() as u64;

        // A later insert was seen too, if no call was missed.
        if !self.uninserted.has(interval) || !self.watch.is_judged() {
            return;
        }
        self.uninserted.remove_one(interval);
        self.watch.report_later(
            Finding::NotInserted(a_callback(call.ops(), true)),
            &self.call(call, Activity::Wait(Wait::Remove)),
            call.pid(),
        );
    }

    /// Rule `lifetime`, for a subscription that is registered: the last one at its address was ended.
    /// Otherwise its driver has not ended it, or has freed it before that, and then another driver may
    /// have got the memory.
    fn check_registered(&self, call: &ProbedCall, is_interval: bool) {
        // The model subscribers are not followed. An insert has the core register no subscription.
        if call.ops() == 0 || is_own(call.ops()) {
            return;
        }
        match self
            .live
            .begin(call.subscription(), call.ops(), is_interval)
        {
            // The end was seen, if no call was missed.
            Registering::Again { table, is_interval } if self.watch.is_judged() => {
                self.watch.report_later(
                    Finding::NotEndedBefore(a_callback(table, is_interval)),
                    &self.call(call, Activity::Range),
                    call.pid(),
                );
            }
            Registering::Unkept => {
                self.unkept.add(1);
            }
            _ => (),
        }
    }

    fn wait(&self, wait: Wait, call: &ProbedCall) -> Option<TokenNumber> {
        // The model subscribers tell of their own waits.
        (!is_own(call.caller())).then(|| self.begin(Activity::Wait(wait), call))
    }

    /// Records a call that opens no range.
    fn begin(&self, activity: Activity, call: &ProbedCall) -> TokenNumber {
        let fact = self.call(call, activity);

        TokenNumber(self.calls.number(self.calls.begin(&fact, |_| ())))
    }

    /// Records that a driver registers or ends a subscription, or that the core asks or waits for
    /// callbacks. Returns the token of a call whose return is of interest.
    #[inline(never)]
    fn enter_other(&self, call: &ProbedCall) -> Option<TokenNumber> {
        let subscription = call.subscription() as u64;

        match call.function() {
            MNCK_CORE_RELEASE => Some(self.begin(Activity::Range, call)),
            MNCK_CORE_REGISTER | MNCK_CORE_GET => {
                self.tables.learn(call.ops(), false);
                // A get knows no subscription yet: the core registers one for it, or has one.
                if call.function() == MNCK_CORE_REGISTER {
                    self.check_registered(call, false);
                }
                self.registers(call)
            }
            MNCK_CORE_INSERT => {
                // Another interval may have had the same memory.
                self.readers.remove_one(subscription);
                self.uninserted.remove_one(subscription);
                self.tables.learn(call.ops(), true);
                self.check_registered(call, true);
                self.registers(call)
            }
            MNCK_CORE_YOUNG => {
                self.check_young(call);
                None
            }
            MNCK_CORE_PUT => {
                // Also if it is not the last: two tasks may put the subscription at the same time.
                self.live.end(call.subscription());
                // If the set is full, the subscription is not reported when its module goes.
                if call.is_last() && self.frees.has(call.ops() as u64) {
                    self.keep(&self.put, call.subscription());
                }
                if call.is_last() {
                    self.registrations.end(call, false);
                }
                None
            }
            MNCK_CORE_UNREGISTER => {
                self.live.end(call.subscription());
                self.registrations.end(call, false);
                self.wait(Wait::Unregister, call)
            }
            MNCK_CORE_REMOVE => {
                self.readers.remove_one(subscription);
                self.check_removed(call);
                self.live.end(call.subscription());
                self.registrations.end(call, true);
                self.wait(Wait::Remove, call)
            }
            MNCK_CORE_READ_BEGIN => {
                if !self.is_reader(call.subscription()) && !self.readers.insert(subscription) {
                    self.unread.add(1);
                }
                self.wait(Wait::ReadBegin, call)
            }
            _ => None,
        }
    }

    /// Returns the state of a call that registers a subscription: no token, but how many subscriptions
    /// there were. Its return is of interest.
    fn registers(&self, call: &ProbedCall) -> Option<TokenNumber> {
        self.registrations
            .begins(call)
            .then(|| TokenNumber(self.registrations.number()))
    }

    #[inline(never)]
    fn leave_other(&self, call: &ProbedCall, result: usize, state: TokenNumber) {
        match call.function() {
            MNCK_CORE_REGISTER | MNCK_CORE_GET | MNCK_CORE_INSERT => {
                let is_interval = call.function() == MNCK_CORE_INSERT;
                let registered = call.registered(result);

                if call.function() != MNCK_CORE_GET {
                    self.live.begun(call.subscription(), registered.is_some());
                }
                match registered {
                    Some(subscription) => {
                        self.registrations
                            .begun(call, subscription, state.0, is_interval);
                    }
                    // If the set is full, a removal of the interval is not reported.
                    None if is_interval => self.keep(&self.uninserted, call.subscription()),
                    None => (),
                }
            }
            function => {
                self.finish(call, state, false);
                if function == MNCK_CORE_RELEASE {
                    // Another mm may get the same memory.
                    self.unknown.remove_one(call.mm() as u64);
                }
            }
        }
    }
}

/// Returns whether `range` is not empty and has whole pages. The last page may be cut off: a range to
/// the end of all addresses ends at `ULONG_MAX`.
fn is_whole(range: Range) -> bool {
    let page = kernel::page::PAGE_SIZE;

    range.start < range.end
        && range.start % page == 0
        && (range.end % page == 0 || range.end == usize::MAX)
}

/// Returns the address of a callback that this table has.
fn a_callback(table: usize, is_interval: bool) -> u64 {
    callbacks_of(table, is_interval)
        .into_iter()
        .find(|address| *address != 0)
        .unwrap_or(0) as u64
}

impl Observer for CoreMm {
    const COUNTS: bool = false;

    type State = TokenNumber;

    /// The functions of the core are certain.
    fn expects(&self, _: usize) -> bool {
        false
    }

    #[inline(always)]
    fn enter(&self, call: &ProbedCall) -> Option<TokenNumber> {
        if self.active.load_acquire() == 0 {
            return None;
        }
        if call.has_missed() {
            self.watch.stop_judging();
        }
        match (call.function(), call.range()) {
            (MNCK_CORE_START, Some(range)) => Some(self.start(call, range)),
            (MNCK_CORE_END, Some(range)) => Some(self.end(call, range)),
            _ => self.enter_other(call),
        }
    }

    #[inline(always)]
    fn leave(&self, call: &ProbedCall, result: usize, state: TokenNumber) {
        match call.function() {
            MNCK_CORE_START => self.started(call, result, state),
            MNCK_CORE_END => self.finish(call, state, false),
            _ => self.leave_other(call, result, state),
        }
    }
}
