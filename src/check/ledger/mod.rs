// SPDX-License-Identifier: GPL-2.0

//! The ledger: the open ranges, and the callbacks under way.
//!
//! A call of a callback takes an entry. The entry is freed when the callback returns, unless the
//! callback was a start that did not fail: then the entry stays until the end comes, in the same
//! task. So the ledger knows at any time which callbacks run, since when, and in which task; which
//! ranges are open; and it sees an end without a start.
//!
//! A start without an end, a leak, it finds
//!
//! - when the same task starts a range at the same address for the same subscriber
//!   ([`Ledger::begin`]),
//! - when the subscription ends, or the mm does ([`Ledger::close`]),
//! - or by looking at all entries now and then: when the task has exited, or has certainly left the
//!   function that had the range on its stack ([`Ledger::sweep`]).
//!
//! # Memory and locks
//!
//! All memory is claimed ahead. There is no lock: each task writes only its own [`Slot`], which it
//! finds by the hash of its address, and takes with one compare-and-exchange. So a callback costs
//! the same on each CPU, under any lock, and with preemption enabled or disabled.
//!
//! If no place is free, a call is lost. That is counted. An end whose start was lost
//! is then no violation. See [`Ledger::lost`].

mod entry;
pub(crate) use entry::Phase;

mod lost;
use lost::Lost;

mod slot;
use slot::mark;
pub(crate) use slot::Slot;

use core::{
    mem::size_of,
    ops::{
        Deref,
        DerefMut, //
    },
    ptr, //
};

use self::entry::{
    Entry,
    Tag, //
};
use crate::event::{
    platform::{
        sweep_soon,
        ticks,
        Current,
        TICKS_PER_SECOND, //
    },
    spread,
    Activity,
    Call,
    Range,
    Task,
    Tasks, //
};

/// The ledger, whose slots are in `S`.
pub(crate) struct Ledger<S> {
    slots: S,
    lost: Lost,
}

/// The place of a call in the ledger, for the task that makes the call.
#[must_use = "a call is under way until it is given back to the ledger"]
pub(crate) enum Token<'l> {
    /// The entry with this index of this slot, which is the current task's.
    Recorded(&'l Slot, usize),
    /// None, for a range at this address.
    Lost(usize),
}

impl Token<'_> {
    /// A number that stands for a lost call.
    const LOST: u64 = u64::MAX;

    /// How many numbers an entry has: a power of two, so that no division is needed.
    const INDICES: usize = Slot::ENTRIES.next_power_of_two();

    /// Returns how long, in ns, the current task has been in reports, since some moment before the
    /// call.
    pub(crate) fn reporting(&self) -> u64 {
        match self {
            Self::Recorded(slot, _) => slot.reporting(),
            Self::Lost(_) => 0,
        }
    }
}

/// A call that is recorded: under way, or a range that it has opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) task: Task,
    pub(crate) call: Call,
    pub(crate) phase: Phase,
    /// The clock, in ticks, when the callback was called, or when the range was opened.
    pub(crate) since: u32,
}

impl Recorded {
    /// Returns how long ago, in ticks, the callback was called, or the range was opened. That is 0 if
    /// it was after the clock was read as `now`.
    pub(crate) fn age(&self, now: u32) -> u32 {
        let age = now.wrapping_sub(self.since);

        if age > u32::MAX / 2 {
            0
        } else {
            age
        }
    }
}

/// Some ranges, at a moment. Two that are equal are the same ranges, and none of them has changed in
/// between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) number: usize,
    hash: u64,
}

/// How an end breaks rule `pairing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mismatch {
    /// The subscriber has no such range open.
    NotOpen,
    /// The range was started in another task.
    OtherTask(Recorded),
    /// The range had other bounds, another event or another mode at its start.
    OtherRange(Range),
}

/// What a sweep finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A start without an end, which the ledger has dropped.
    Leak(Recorded),
    /// A callback that has run for too long, for the first time that a sweep sees that.
    Stall(Recorded),
}

impl<S: Deref<Target = [Slot]>> Ledger<S> {
    /// A task that finds no free slot so near to its hash may have met slots of tasks that have
    /// exited, which a sweep frees.
    const CROWDED: usize = 8;

    /// Makes a ledger. The number of `slots` is a power of two.
    pub(crate) fn new(slots: S) -> Self {
        Self {
            slots,
            lost: Lost::new(),
        }
    }

    /// Records that a callback is called, which is not an end that is due, or that a task begins to
    /// wait.
    ///
    /// Calls `leaked` for an open range that is a leak: the current task has started it at the same
    /// address for the same subscriber.
    #[inline(always)]
    pub(crate) fn begin(&self, call: &Call, leaked: impl Fn(&Recorded)) -> Token<'_> {
        match self.begin_first(call) {
            Some(token) => token,
            None => self.begin_slowly(Current::get(), call, leaked),
        }
    }

    /// As [`begin`](Self::begin), if the task has no other call under way and a slot of its own is free:
    /// mostly that is so. Then no range is a leak.
    #[inline(always)]
    pub(crate) fn begin_first(&self, call: &Call) -> Option<Token<'_>> {
        let current = Current::get();
        let slot = self.slot(Self::hash(current))?;

        (slot.is_free() && slot.take(current)).then(|| {
            slot.begin_first(call, ticks());
            Token::Recorded(slot, 0)
        })
    }

    /// Records that the current task makes a call that opens no range, if it has its slot already and a
    /// place there: mostly it does, since the slot has the range for which the core makes the call.
    /// Otherwise [`begin`](Self::begin) is to be called.
    #[inline(always)]
    pub(crate) fn begin_inner(&self, current: Current, call: Call) -> Option<Token<'_>> {
        let slot = self
            .slot(Self::hash(current))
            .filter(|slot| slot.is_own(current))?;
        let (index, entry) = slot.free_entry(0)?;

        entry.begin(&call, ticks());
        Some(Token::Recorded(slot, index))
    }

    #[inline(never)]
    fn begin_slowly(&self, current: Current, call: &Call, leaked: impl Fn(&Recorded)) -> Token<'_> {
        for (step, slot) in self.near(current).enumerate() {
            if slot.is_own(current) {
                if slot.may_have(call) {
                    if let Some(leak) = take_leak(slot, call) {
                        leaked(&leak);
                    }
                }
                if slot.is_full() {
                    continue;
                }
            } else if !(slot.is_free() && slot.take(current)) {
                continue;
            }
            if let Some((index, entry)) = slot.free_entry(mark(call)) {
                entry.begin(call, ticks());
                if step == Self::CROWDED {
                    sweep_soon();
                }
                return Token::Recorded(slot, index);
            }
        }
        sweep_soon();
        self.lost.count();
        Token::Lost(call.address())
    }

    /// Records that a callback is called which is an end that is due: it closes the range that the
    /// start with the same subscriber and range address has opened. Calls `mismatched` if the start
    /// is not there or does not match.
    #[inline(always)]
    pub(crate) fn begin_end(&self, call: &Call, mismatched: impl FnOnce(&Mismatch)) -> Token<'_> {
        match self.end_first(call) {
            Some(token) => token,
            None => self.begin_end_slowly(Current::get(), call, mismatched),
        }
    }

    /// As [`begin_end`](Self::begin_end), if the range is the first in the first slot of the task, and
    /// matches: mostly that is so.
    #[inline(always)]
    pub(crate) fn end_first(&self, call: &Call) -> Option<Token<'_>> {
        let current = Current::get();
        let slot = self.slot(Self::hash(current))?;

        (slot.is_own(current) && slot.end_first(call, ticks())).then_some(Token::Recorded(slot, 0))
    }

    #[inline(never)]
    fn begin_end_slowly(
        &self,
        current: Current,
        call: &Call,
        mismatched: impl FnOnce(&Mismatch),
    ) -> Token<'_> {
        let address = call.address();

        // If a range at the same place has leaked, this is not its end.
        let same = |entry: &Entry| entry.has_range_of(call);
        if let Some((slot, index, _)) = self.end_open(current, call, same) {
            return Token::Recorded(slot, index);
        }
        if let Some((slot, index, entry)) = self.end_open(current, call, |_| true) {
            if let Some(start) = entry.own_call().and_then(|start| start.range) {
                mismatched(&Mismatch::OtherRange(start));
            }
            return Token::Recorded(slot, index);
        }

        // First: the stack of a task that leaked a range may have become that of the current one.
        if !self.lost.end(current, call.subscriber, address) {
            let elsewhere = self.find(|recorded| {
                recorded.phase == Phase::Open
                    && recorded.call.subscriber == call.subscriber
                    && recorded.call.range.is_some()
                    && recorded.call.address() == address
            });

            mismatched(&elsewhere.map_or(Mismatch::NotOpen, Mismatch::OtherTask));
        }
        self.begin(call, |_| ())
    }

    /// Begins the end `call` of the first range that is `wanted`, of those that the current task has
    /// open for the subscriber and at the address of `call`. Returns its place.
    #[inline(always)]
    fn end_open(
        &self,
        current: Current,
        call: &Call,
        wanted: impl Fn(&Entry) -> bool,
    ) -> Option<(&Slot, usize, &Entry)> {
        for slot in self.near(current) {
            if !slot.is_own(current) || !slot.may_have(call) {
                continue;
            }
            for (index, entry) in slot.used() {
                if entry.is_open(call.subscriber, call.address())
                    && wanted(entry)
                    && entry.end(call.activity, ticks())
                {
                    return Some((slot, index, entry));
                }
            }
        }
        None
    }

    /// Records that a callback has returned, or that the task waits no more.
    ///
    /// `end_due` says whether it was a start of `subscriber` that did not fail, and the subscriber
    /// has an end.
    #[inline(always)]
    pub(crate) fn finish(&self, token: Token<'_>, subscriber: u64, end_due: bool) {
        match token {
            Token::Recorded(slot, index) if end_due => slot.open(index),
            Token::Recorded(slot, index) => slot.free(index),
            Token::Lost(address) if end_due => {
                self.lost.start(Current::get(), subscriber, address);
            }
            Token::Lost(_) => (),
        }
    }

    /// Returns a number for `token`, from which [`token`](Self::token) makes it again.
    #[inline(always)]
    pub(crate) fn number(&self, token: Token<'_>) -> u64 {
        match token {
            Token::Recorded(slot, index) => {
                let bytes = ptr::from_ref(slot)
                    .addr()
                    .wrapping_sub(self.slots.as_ptr().addr());

                ((bytes / size_of::<Slot>()).wrapping_mul(Token::INDICES) | index) as u64
            }
            Token::Lost(_) => Token::LOST,
        }
    }

    /// Returns the token with this number, of a call for a range at `address`. For the task that
    /// makes the call.
    #[inline(always)]
    pub(crate) fn token(&self, number: u64, address: usize) -> Token<'_> {
        let number = number as usize;

        match self.slots.get(number / Token::INDICES) {
            Some(slot) => Token::Recorded(slot, number % Token::INDICES),
            None => Token::Lost(address),
        }
    }

    /// Returns the range at `address` of the current task, for `subscriber`, which stands for the core;
    /// if `address` is 0, the range that the core starts or ends. If there are several, since a callback
    /// has changed the mm itself, it is one of them.
    pub(crate) fn current_range(&self, subscriber: u64, address: usize) -> Option<Recorded> {
        let current = Current::get();

        self.near(current)
            .take(Self::CROWDED)
            .filter(|slot| slot.is_own(current))
            .flat_map(|slot| slot.used().filter_map(move |(_, entry)| read(slot, entry)))
            .map(|(_, recorded)| recorded)
            .filter(|recorded| {
                recorded.call.subscriber == subscriber
                    && recorded.call.activity == Activity::Range
                    && match address {
                        0 => recorded.phase != Phase::Open,
                        _ => recorded.call.address() == address,
                    }
            })
            .last()
    }

    /// Returns the ranges of `mm` that are open, or being opened or closed, for `subscriber`, which
    /// stands for the core. Returns `None` if one of them changes at the moment.
    pub(crate) fn snapshot(&self, subscriber: u64, mm: usize) -> Option<Snapshot> {
        let mut snapshot = Snapshot { number: 0, hash: 0 };

        for slot in self.slots.iter().filter(|slot| !slot.is_free()) {
            for entry in slot.entries() {
                if entry.tag().phase == Phase::Free {
                    continue;
                }
                let (tag, recorded) = read(slot, entry)?;

                if recorded.call.subscriber == subscriber
                    && recorded.call.mm == mm
                    && recorded.call.activity == Activity::Range
                {
                    snapshot.number = snapshot.number.wrapping_add(1);
                    snapshot.hash = (snapshot.hash.rotate_left(5)
                        ^ tag.to_word()
                        ^ ptr::from_ref(entry).addr() as u64)
                        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
                }
            }
        }
        Some(snapshot)
    }

    /// Frees all calls and ranges that are `gone`: the return of such a call is not observed any more.
    pub(crate) fn forget(&self, gone: impl Fn(&Recorded) -> bool) {
        for slot in self.slots.iter().filter(|slot| !slot.is_free()) {
            for entry in slot.entries() {
                if let Some((tag, recorded)) = read(slot, entry) {
                    if gone(&recorded) {
                        slot.forget(entry, tag);
                    }
                }
            }
        }
    }

    /// Closes the open range of `subscriber` at `address`, whose end is not due any more. Returns
    /// it, if the ledger has it.
    pub(crate) fn close_one(&self, subscriber: u64, address: usize) -> Option<Recorded> {
        let closed = self.close_first(|recorded| {
            recorded.call.subscriber == subscriber
                && recorded
                    .call
                    .range
                    .is_some_and(|range| range.address == address)
        });

        if closed.is_none() {
            // It may have been lost.
            self.lost.end(Current::get(), subscriber, address);
        }
        closed
    }

    /// Ends the subscription of `subscriber`: calls `leaked` for each range of it that is open and
    /// whose task is the current one or has exited, and closes it. If `all` is set, also closes
    /// those that are open in other tasks, which are no leaks.
    pub(crate) fn close(
        &self,
        subscriber: u64,
        all: bool,
        tasks: &impl Tasks,
        mut leaked: impl FnMut(Recorded),
    ) {
        let current = Current::get();

        for slot in self.slots.iter().filter(|slot| !slot.is_free()) {
            for entry in slot.entries() {
                let Some((tag, recorded)) = read(slot, entry) else {
                    continue;
                };
                if tag.phase != Phase::Open || recorded.call.subscriber != subscriber {
                    continue;
                }

                let is_leak = slot.is_own(current) || tasks.has_exited(&recorded.task);
                let is_closed = (is_leak || all) && slot.close(entry, tag);

                if is_closed && is_leak {
                    leaked(recorded);
                }
            }
        }
    }

    /// Looks at all entries: calls `found` for each leak that is certain by now, and for each
    /// callback that has run for `stall_limit` ticks, once; 0 is no limit. Frees the slots of tasks
    /// that have exited. One sweep runs at a time. `seen` keeps what the last sweep has found.
    pub(crate) fn sweep(
        &self,
        stall_limit: u32,
        seen: &mut Seen<impl DerefMut<Target = [u32]>>,
        tasks: &impl Tasks,
        mut found: impl FnMut(Found),
    ) {
        let now = ticks();
        let seen = seen.0.chunks_mut(Slot::ENTRIES);

        for (slot, seen) in self.slots.iter().zip(seen) {
            let Some(task) = slot.task() else {
                continue;
            };
            let has_exited = tasks.has_exited(&task);

            for (entry, seen) in slot.entries().iter().zip(seen) {
                let Some((tag, recorded)) = read(slot, entry) else {
                    continue;
                };
                if recorded.task != task {
                    continue;
                }
                let age = recorded.age(now);

                if tag.phase != Phase::Open {
                    // Tells the call: the end of a range has the generation of its start.
                    let mark = (tag.phase as u32) << 16 | u32::from(tag.generation);

                    if recorded.call.callback().is_some()
                        && stall_limit != 0
                        && age >= stall_limit
                        && *seen != mark
                        && !tasks.waits_for_cpu(&task)
                    {
                        *seen = mark;
                        found(Found::Stall(recorded));
                    }
                    continue;
                }

                let is_leak = has_exited
                    || age > TICKS_PER_SECOND
                        && recorded.call.range.is_some_and(|range| {
                            tasks.has_left_function(&task, range.address, entry.entered())
                        });
                if is_leak && slot.close(entry, tag) {
                    found(Found::Leak(recorded));
                }
            }
            if has_exited {
                slot.bury(&task);
            }
        }
    }

    /// Returns the first recorded call at or after the place `from`, and the place after it.
    pub(crate) fn next(&self, from: usize) -> Option<(usize, Recorded)> {
        let (first, mut index) = (from / Slot::ENTRIES, from % Slot::ENTRIES);

        for (number, slot) in self.slots.iter().enumerate().skip(first) {
            if !slot.is_free() {
                for (here, entry) in slot.entries().iter().enumerate().skip(index) {
                    if let Some((_, recorded)) = read(slot, entry) {
                        return Some((number * Slot::ENTRIES + here + 1, recorded));
                    }
                }
            }
            index = 0;
        }
        None
    }

    /// Records that the current task has spent `time`, in ns, in a report, in each callback that it
    /// is in.
    pub(crate) fn add_reporting(&self, time: u64) {
        let current = Current::get();

        for slot in self.near(current).filter(|slot| slot.is_own(current)) {
            slot.add_reporting(time);
        }
    }

    /// Forgets which ranges lost calls have opened. For when no callback can come.
    pub(crate) fn forget_lost(&self) {
        self.lost.forget();
    }

    /// Returns how many ranges `subscriber` has open.
    pub(crate) fn open_ranges(&self, subscriber: u64) -> usize {
        self.count(|recorded| {
            recorded.call.subscriber == subscriber && recorded.phase != Phase::Running
        })
    }

    fn count(&self, wanted: impl Fn(&Recorded) -> bool) -> usize {
        let mut from = 0;
        let mut number: usize = 0;

        while let Some((next, recorded)) = self.next(from) {
            from = next;
            if wanted(&recorded) {
                number = number.wrapping_add(1);
            }
        }
        number
    }

    /// Returns how many calls were lost for want of a place.
    ///
    /// A lost call is not under way for any table, and is not judged by rule `stall`. If it was a
    /// start, its end is not judged by rule `pairing`.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.number()
    }

    /// Returns the place of the first slot where `current` may have its calls.
    #[inline(always)]
    fn hash(current: Current) -> usize {
        // Tasks that follow each other have the same address often: the time tells them apart.
        spread(current.key().wrapping_add(current.start_time()))
    }

    /// Returns the slot at `place`, counted on from the first when it is behind the last.
    #[inline(always)]
    fn slot(&self, place: usize) -> Option<&Slot> {
        self.slots.get(place & self.slots.len().wrapping_sub(1))
    }

    /// Returns the slots where the current task may have its calls, the likely ones first.
    fn near(&self, current: Current) -> impl Iterator<Item = &Slot> {
        let first = Self::hash(current);

        (first..first.wrapping_add(self.slots.len())).filter_map(|place| self.slot(place))
    }

    fn find(&self, wanted: impl Fn(&Recorded) -> bool) -> Option<Recorded> {
        let mut from = 0;

        while let Some((next, recorded)) = self.next(from) {
            if wanted(&recorded) {
                return Some(recorded);
            }
            from = next;
        }
        None
    }

    /// Closes the first open range that is `wanted`, and returns it.
    fn close_first(&self, wanted: impl Fn(&Recorded) -> bool) -> Option<Recorded> {
        for slot in self.slots.iter().filter(|slot| !slot.is_free()) {
            for entry in slot.entries() {
                let Some((tag, recorded)) = read(slot, entry) else {
                    continue;
                };
                if tag.phase == Phase::Open && wanted(&recorded) && slot.close(entry, tag) {
                    return Some(recorded);
                }
            }
        }
        None
    }
}

/// Closes the range of `slot`, the current task's, that is open at the address and for the subscriber
/// of `call`, and returns it.
fn take_leak(slot: &Slot, call: &Call) -> Option<Recorded> {
    let address = call.range?.address;
    let (_, entry) = slot
        .used()
        .find(|(_, entry)| entry.is_open(call.subscriber, address))?;
    let (tag, recorded) = read(slot, entry)?;

    slot.close(entry, tag).then_some(recorded)
}

/// Reads an entry of `slot`, with the task that has the slot, if it is in use.
fn read(slot: &Slot, entry: &Entry) -> Option<(Tag, Recorded)> {
    let (tag, call, task) = entry.read(|| slot.task())?;

    Some((
        tag,
        Recorded {
            task: task?,
            call,
            phase: tag.phase,
            since: tag.since,
        },
    ))
}

/// What a sweep has found, so that the next does not report it again. Of the type `T` are as many
/// numbers as the ledger has entries.
pub(crate) struct Seen<T>(pub(crate) T);
