// SPDX-License-Identifier: GPL-2.0

//! A ledger, and tasks that call callbacks.

use std::{
    cell::{
        Cell,
        RefCell, //
    },
    collections::HashSet, //
};

use crate::{
    check::ledger::{
        Found,
        Ledger,
        Mismatch,
        Recorded,
        Seen,
        Slot,
        Token, //
    },
    event::{
        platform::{
            set_current,
            set_entry,
            set_ticks,
            TICKS_PER_SECOND, //
        },
        Activity,
        Call,
        Callback,
        Kind,
        Range,
        Task,
        Tasks, //
    },
};

/// Returns a call of subscriber number `subscriber` for a blockable range whose
/// `struct mmu_notifier_range` is at `address`.
pub(super) fn call(subscriber: u64, callback: Callback, address: usize) -> Call {
    Call {
        subscriber,
        activity: Activity::Callback(callback),
        mm: 1,
        range: Some(Range {
            address,
            start: 0x1000,
            end: 0x3000,
            kind: Kind(0),
            blockable: true,
        }),
        initiator: 0xabc,
    }
}

/// Returns task number `number`.
pub(super) fn task(number: u64) -> Task {
    Task {
        key: number * 0x1000,
        start_time: number,
        pid: number as i32,
        comm: [0; 2],
    }
}

pub(super) struct Scene {
    pub(super) ledger: Ledger<Vec<Slot>>,
    seen: RefCell<Seen<Vec<u32>>>,
    exited: RefCell<HashSet<u64>>,
    sleeps_above: Cell<usize>,
    entered: Cell<u32>,
    crowded: Cell<bool>,
}

impl Tasks for Scene {
    fn has_exited(&self, task: &Task) -> bool {
        self.exited.borrow().contains(&task.start_time)
    }

    fn waits_for_cpu(&self, _task: &Task) -> bool {
        self.crowded.get()
    }

    fn has_left_function(&self, _task: &Task, address: usize, entry: u32) -> bool {
        address < self.sleeps_above.get() || entry != self.entered.get()
    }
}

impl Scene {
    /// Makes a ledger of so many slots, which must be a power of two.
    pub(super) fn new(slots: usize) -> Self {
        set_ticks(0);
        set_current(task(1));
        set_entry(0);
        Self {
            ledger: Ledger::new((0..slots).map(|_| Slot::new()).collect()),
            seen: RefCell::new(Seen(vec![0; slots * Slot::ENTRIES])),
            exited: RefCell::default(),
            sleeps_above: Cell::new(0),
            entered: Cell::new(0),
            crowded: Cell::new(false),
        }
    }

    /// Makes task number `number` the current one.
    pub(super) fn become_task(&self, number: u64) {
        set_current(task(number));
    }

    /// Lets task number `number` exit.
    pub(super) fn exit(&self, number: u64) {
        self.exited.borrow_mut().insert(number);
    }

    /// Lets all tasks wait for a CPU, or not.
    pub(super) fn crowd(&self, crowded: bool) {
        self.crowded.set(crowded);
    }

    /// Lets all tasks enter the kernel in another way.
    pub(super) fn enter_kernel(&self, entry: u32) {
        set_entry(entry);
        self.entered.set(entry);
    }

    /// Lets all tasks sleep with the stack pointer at `address`.
    pub(super) fn sleep_at(&self, address: usize) {
        self.sleeps_above.set(address);
    }

    /// A callback is called, and does not return yet.
    pub(super) fn enter(&self, call: &Call) -> Token<'_> {
        self.ledger.begin(call, |_| ())
    }

    /// A start succeeds. Returns the leak that it proves.
    pub(super) fn start(&self, subscriber: u64, address: usize) -> Option<Recorded> {
        self.start_of(&call(subscriber, Callback::Start, address))
    }

    pub(super) fn start_of(&self, call: &Call) -> Option<Recorded> {
        let leak = Cell::new(None);
        let token = self.ledger.begin(call, |found| leak.set(Some(*found)));

        self.ledger.finish(token, call.subscriber, true);
        leak.get()
    }

    /// A start refuses.
    pub(super) fn refuse(&self, subscriber: u64, address: usize) {
        let call = call(subscriber, Callback::Start, address);
        let token = self.ledger.begin(&call, |_| ());

        self.ledger.finish(token, subscriber, false);
    }

    /// An end comes.
    pub(super) fn end(&self, subscriber: u64, address: usize) -> Result<(), Mismatch> {
        self.end_of(&call(subscriber, Callback::End, address))
    }

    pub(super) fn end_of(&self, call: &Call) -> Result<(), Mismatch> {
        let mut result = Ok(());
        let token = self
            .ledger
            .begin_end(call, |mismatch| result = Err(*mismatch));

        self.ledger.finish(token, call.subscriber, false);
        result
    }

    /// The mm is released; or, if `all` is set, the subscriber is detached. Returns the leaks.
    pub(super) fn close(&self, subscriber: u64, all: bool) -> Vec<Recorded> {
        let mut leaks = Vec::new();

        self.ledger
            .close(subscriber, all, self, |leak| leaks.push(leak));
        leaks
    }

    /// Sweeps after so many seconds from the beginning.
    pub(super) fn sweep(&self, seconds: u32, stall_limit_seconds: u32) -> Vec<Found> {
        let mut found = Vec::new();

        set_ticks(seconds * TICKS_PER_SECOND);
        self.ledger.sweep(
            stall_limit_seconds * TICKS_PER_SECOND,
            &mut self.seen.borrow_mut(),
            self,
            |this| found.push(this),
        );
        found
    }

    /// Returns the recorded calls.
    pub(super) fn recorded(&self) -> Vec<Recorded> {
        let mut from = 0;
        let mut all = Vec::new();

        while let Some((next, recorded)) = self.ledger.next(from) {
            all.push(recorded);
            from = next;
        }
        all
    }
}
