// SPDX-License-Identifier: GPL-2.0

//! The plain model: all open ranges and running calls, in lists without limits.

use super::random::{
    Which,
    TASKS, //
};
use crate::{
    check::ledger::{
        Phase,
        Recorded,
        Token, //
    },
    event::{
        platform::{
            set_current,
            set_entry,
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

/// A callback that takes as many ticks stalls.
pub(super) const STALL_LIMIT: u32 = 150;

/// A violation. The ledger and the model must find the same.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Violation {
    Leak(Recorded),
    Stall(Recorded),
    NotOpen,
    OtherTask,
    /// Has the range of the start.
    OtherRange(Range),
}

/// A call that runs.
pub(super) struct Running<'l> {
    pub(super) recorded: Recorded,
    pub(super) token: Token<'l>,
    is_reported: bool,
}

/// One of the tasks that live.
pub(super) struct Player<'l> {
    pub(super) task: Task,
    pub(super) running: Vec<Running<'l>>,
    /// How often the task has been in user space.
    pub(super) entry: u32,
}

/// What the model knows.
pub(super) struct Model<'l> {
    pub(super) players: Vec<Player<'l>>,
    pub(super) open: Vec<Recorded>,
    pub(super) now: u32,
    born: u64,
}

impl Tasks for Model<'_> {
    fn has_exited(&self, task: &Task) -> bool {
        self.players.iter().all(|player| player.task != *task)
    }

    fn waits_for_cpu(&self, _: &Task) -> bool {
        false
    }

    fn has_left_function(&self, task: &Task, _address: usize, entry: u32) -> bool {
        self.players
            .iter()
            .any(|player| player.task == *task && player.entry != entry)
    }
}

impl<'l> Model<'l> {
    pub(super) fn new() -> Self {
        let mut model = Self {
            players: Vec::new(),
            open: Vec::new(),
            now: 0,
            born: 0,
        };

        for number in 0..TASKS {
            let player = model.birth(number);

            model.players.push(player);
        }
        model
    }

    /// Makes a task, which has the memory and the stack of the one that had this `number` before.
    pub(super) fn birth(&mut self, number: usize) -> Player<'l> {
        self.born += 1;
        Player {
            task: Task {
                key: 0xffff_8880_0000_0000 + 0x1440 * number as u64,
                start_time: self.born,
                pid: 100 + self.born as i32,
                comm: [self.born, 0],
            },
            running: Vec::new(),
            entry: 0,
        }
    }

    /// Returns a range on the stack of a task: with one of two addresses, which no call that runs
    /// has, and one of four sets of bounds, event and mode.
    pub(super) fn range(&self, task: usize, frame: usize, which: usize) -> Range {
        let depth = self.players[task].running.len();

        Range {
            address: 0x1_0000 * (task + 1) - 0x100 * depth - 0x80 * frame,
            start: 0x1000 * (which + 1),
            end: 0x1000 * (which + 3),
            kind: Kind(which as u32 / 2),
            blockable: which % 2 == 0,
        }
    }

    /// Returns the subscriber and the range that an event of `task` chooses.
    pub(super) fn choose(&self, task: usize, which: &Which) -> (u64, Range) {
        let own = self.find(|open| open.task == self.players[task].task);
        let (found, index) = match *which {
            Which::Own(index) => (own.as_slice(), index),
            Which::Any(index) => (self.open.as_slice(), index),
            Which::At { subscriber, frame } => return (subscriber, self.range(task, frame, 0)),
        };

        match found.get(index % found.len().max(1)) {
            Some(open) => (open.call.subscriber, range_of(open)),
            None => (1, self.range(task, 0, 0)),
        }
    }

    /// Returns a call by a task. All calls differ in the initiator that have another entry.
    pub(super) fn call(
        &self,
        task: usize,
        subscriber: u64,
        callback: Callback,
        range: Range,
    ) -> Call {
        Call {
            subscriber,
            activity: Activity::Callback(callback),
            mm: 0x77,
            range: Some(range),
            initiator: self.players[task].entry as usize,
        }
    }

    /// Makes a task the current one.
    pub(super) fn play(&self, task: usize) {
        let player = &self.players[task];

        set_current(player.task);
        set_entry(player.entry);
    }

    pub(super) fn find(&self, wanted: impl Fn(&Recorded) -> bool) -> Vec<Recorded> {
        self.open
            .iter()
            .filter(|open| wanted(open))
            .copied()
            .collect()
    }

    /// Returns the open ranges at `address` of `subscriber`.
    pub(super) fn find_at(&self, subscriber: u64, address: usize) -> Vec<Recorded> {
        self.find(|open| open.call.subscriber == subscriber && range_of(open).address == address)
    }

    pub(super) fn close(&mut self, closed: &[Recorded]) {
        self.open = without(&self.open, closed);
    }

    /// Records that a callback of `task` runs, which is an end that is due if the `phase` says so.
    pub(super) fn run(&mut self, task: usize, call: Call, phase: Phase, token: Token<'l>) {
        let player = &mut self.players[task];

        player.running.push(Running {
            recorded: Recorded {
                task: player.task,
                call,
                phase,
                since: self.now,
            },
            token,
            is_reported: false,
        });
    }

    /// Returns what a sweep must find.
    pub(super) fn sweep(&mut self) -> Vec<Violation> {
        let now = self.now;
        let leaks = self.find(|open| {
            self.has_exited(&open.task)
                || now - open.since > TICKS_PER_SECOND
                    && self.has_left_function(&open.task, 0, entry_of(open))
        });
        let mut found: Vec<_> = leaks.into_iter().map(Violation::Leak).collect();

        for running in self
            .players
            .iter_mut()
            .flat_map(|player| &mut player.running)
        {
            if now - running.recorded.since >= STALL_LIMIT && !running.is_reported {
                running.is_reported = true;
                found.push(Violation::Stall(running.recorded));
            }
        }
        found
    }

    /// Returns what the table must show.
    pub(super) fn table(&self) -> Vec<Recorded> {
        let running = self.players.iter().flat_map(|player| &player.running);

        self.open
            .iter()
            .copied()
            .chain(running.map(|running| running.recorded))
            .collect()
    }
}

pub(super) fn range_of(open: &Recorded) -> Range {
    open.call.range.expect("each call has a range")
}

/// Returns how often the task had been in user space before it opened the range.
fn entry_of(open: &Recorded) -> u32 {
    open.call.initiator as u32
}

/// Returns `these` without `those`. What is in a list twice counts twice.
pub(super) fn without<T: PartialEq + Clone>(these: &[T], those: &[T]) -> Vec<T> {
    let mut rest = those.to_vec();
    let mut is_in_rest = |this: &T| {
        let index = rest.iter().position(|that| that == this);

        index.map(|index| rest.swap_remove(index)).is_some()
    };

    these
        .iter()
        .filter(|this| !is_in_rest(this))
        .cloned()
        .collect()
}
