// SPDX-License-Identifier: GPL-2.0

//! Random streams of events, each judged by the ledger and by a plain model.
//!
//! In each step both must find the same violations, and the table of the ledger must show what the
//! model knows. Only a start may find a leak later. A ledger that is too small loses calls. It must
//! say so; then it may overlook violations, but it must not find one that the model does not find.
//!
//! The streams are the same each time. `PROPTEST_CASES=100000` tries more of them.

mod model;
mod random;

use std::cell::RefCell;

use proptest::{
    prelude::*,
    test_runner::{
        Config,
        RngAlgorithm,
        TestRng,
        TestRunner, //
    },
};

use self::{
    model::{
        range_of,
        without,
        Model,
        Violation,
        STALL_LIMIT, //
    },
    random::{
        streams,
        Event,
        TASKS, //
    },
};
use crate::{
    check::ledger::{
        Found,
        Ledger,
        Mismatch,
        Phase,
        Recorded,
        Seen,
        Slot, //
    },
    event::{
        platform::set_ticks,
        Call,
        Callback,
        Tasks, //
    },
};

/// How deep calls nest: more calls than a slot has places for.
const DEPTH: usize = Slot::ENTRIES + 2;

/// What the ledger and the model find in one step.
#[derive(Default)]
struct Step {
    found: Vec<Violation>,
    expected: Vec<Violation>,
}

/// A stream under way.
struct Run<'l> {
    ledger: &'l Ledger<Vec<Slot>>,
    seen: Seen<Vec<u32>>,
    model: Model<'l>,
}

impl<'l> Run<'l> {
    fn new(ledger: &'l Ledger<Vec<Slot>>, slots: usize) -> Self {
        set_ticks(0);
        Self {
            ledger,
            seen: Seen(vec![0; slots * Slot::ENTRIES]),
            model: Model::new(),
        }
    }

    /// Carries out `event` in the ledger and in the model.
    fn step(&mut self, event: &Event) -> Step {
        if let Event::Begin { task, .. } | Event::End { task, .. } = *event {
            if self.model.players[task].running.len() == DEPTH {
                return Step::default();
            }
        }
        match *event {
            Event::Begin {
                task,
                callback,
                subscriber,
                frame,
                range,
            } => {
                let range = self.model.range(task, frame, range);

                self.begin(task, self.model.call(task, subscriber, callback, range))
            }
            Event::End {
                task,
                ref which,
                wrong,
            } => {
                let (subscriber, mut range) = self.model.choose(task, which);

                range.end += if wrong { 0x1000 } else { 0 };
                self.end(
                    task,
                    self.model.call(task, subscriber, Callback::End, range),
                )
            }
            Event::Finish { task, fails } => {
                self.finish(task, fails);
                Step::default()
            }
            Event::Leave { task } => {
                let player = &mut self.model.players[task];

                if player.running.is_empty() {
                    player.entry += 1;
                }
                Step::default()
            }
            Event::Exit { task } => {
                if self.model.players[task].running.is_empty() {
                    self.model.players[task] = self.model.birth(task);
                }
                Step::default()
            }
            Event::CloseOne { task, ref which } => {
                let (subscriber, range) = self.model.choose(task, which);

                self.close_one(task, subscriber, range.address)
            }
            Event::Close {
                task,
                subscriber,
                all,
            } => self.close(task, subscriber, all),
            Event::Sweep { ticks } => {
                self.model.now += ticks;
                self.sweep()
            }
        }
    }

    fn begin(&mut self, task: usize, call: Call) -> Step {
        let model = &mut self.model;
        let player = model.players[task].task;
        let address = call.range.expect("has a range").address;
        let mut leaked = model.find_at(call.subscriber, address);

        leaked.retain(|open| open.task == player);
        model.play(task);
        let found = RefCell::new(Vec::new());
        let token = self
            .ledger
            .begin(&call, |leak| found.borrow_mut().push(*leak));
        let found = found.take();

        model.run(task, call, Phase::Running, token);
        model.close(&found);
        Step {
            found: leaks(found),
            expected: leaks(leaked),
        }
    }

    fn end(&mut self, task: usize, call: Call) -> Step {
        let player = self.model.players[task].task;
        let range = call.range.expect("has a range");
        let open = self.model.find_at(call.subscriber, range.address);
        let own: Vec<_> = open
            .iter()
            .filter(|open| open.task == player)
            .copied()
            .collect();
        let before = self.table();

        self.model.play(task);
        let mut found = None;
        let token = self.ledger.begin_end(&call, |mismatch| {
            found = Some(match *mismatch {
                Mismatch::NotOpen => Violation::NotOpen,
                Mismatch::OtherTask(_) => Violation::OtherTask,
                Mismatch::OtherRange(start) => Violation::OtherRange(start),
            })
        });

        // If an earlier range leaked, there may be several. The one that matches is closed, unless it
        // was lost.
        let gone = without(&before, &self.table());
        let found_open = gone.iter().find(|gone| own.contains(gone));
        let has_match = before
            .iter()
            .any(|open| own.contains(open) && range_of(open) == range);
        let closed = found_open.or(own.last());
        let expected = match closed {
            Some(_) if has_match => None,
            Some(closed) if range_of(closed) == range => None,
            Some(closed) => Some(Violation::OtherRange(range_of(closed))),
            None if open.is_empty() => Some(Violation::NotOpen),
            None => Some(Violation::OtherTask),
        };

        // The table shows the data of the start, unless the start was lost.
        let (started, phase) = match found_open {
            Some(closed) => (closed.call, Phase::Ending),
            None => (call, Phase::Running),
        };
        let shown = Call {
            activity: call.activity,
            ..started
        };

        self.model
            .close(closed.map(std::slice::from_ref).unwrap_or_default());
        self.model.run(task, shown, phase, token);
        Step {
            found: found.into_iter().collect(),
            expected: expected.into_iter().collect(),
        }
    }

    fn finish(&mut self, task: usize, fails: bool) {
        let Some(running) = self.model.players[task].running.pop() else {
            return;
        };
        let recorded = running.recorded;
        let opens = !fails && recorded.call.callback() == Some(Callback::Start);

        self.model.play(task);
        self.ledger
            .finish(running.token, recorded.call.subscriber, opens);
        if opens {
            self.model.open.push(Recorded {
                phase: Phase::Open,
                ..recorded
            });
        }
    }

    fn close_one(&mut self, task: usize, subscriber: u64, address: usize) -> Step {
        let model = &mut self.model;
        let player = model.players[task].task;
        let mut open = model.find_at(subscriber, address);

        // Its own comes first.
        open.sort_by_key(|open| open.task != player);
        model.play(task);
        let found = self.ledger.close_one(subscriber, address);
        // Of several it closes any.
        let closed = found.filter(|found| open.contains(found));
        let closed = closed.or(open.first().copied());
        model.close(closed.as_slice());
        Step {
            found: leaks(found),
            expected: leaks(closed),
        }
    }

    fn close(&mut self, task: usize, subscriber: u64, all: bool) -> Step {
        let model = &mut self.model;
        let player = model.players[task].task;
        let open = model.find(|open| open.call.subscriber == subscriber);
        let mut leaked = open.clone();
        let mut found = Vec::new();

        leaked.retain(|open| open.task == player || model.has_exited(&open.task));
        model.play(task);
        self.ledger
            .close(subscriber, all, model, |leak| found.push(leak));
        model.close(if all { &open } else { &leaked });
        Step {
            found: leaks(found),
            expected: leaks(leaked),
        }
    }

    fn sweep(&mut self) -> Step {
        let model = &mut self.model;
        let mut found = Vec::new();

        set_ticks(model.now);
        let expected = model.sweep();
        self.ledger.sweep(STALL_LIMIT, &mut self.seen, model, |it| {
            found.push(match it {
                Found::Leak(leak) => Violation::Leak(leak),
                Found::Stall(call) => Violation::Stall(call),
            })
        });
        for violation in &expected {
            if let Violation::Leak(leak) = violation {
                model.close(&[*leak]);
            }
        }
        Step { found, expected }
    }

    /// Returns the calls in the table of the ledger.
    fn table(&self) -> Vec<Recorded> {
        let mut from = 0;

        std::iter::from_fn(|| {
            let (next, recorded) = self.ledger.next(from)?;

            from = next;
            Some(recorded)
        })
        .collect()
    }

    /// Carries out `event`, and compares the ledger with the model.
    fn check(&mut self, event: &Event) -> Result<(), TestCaseError> {
        let Step {
            mut found,
            mut expected,
        } = self.step(event);
        let has_lost = self.ledger.lost() != 0;

        if has_lost {
            // The start in the other task may be among the lost.
            for violation in found.iter_mut().chain(&mut expected) {
                if *violation == Violation::OtherTask {
                    *violation = Violation::NotOpen;
                }
            }
        }
        let innocent = without(&found, &expected);
        let mut overlooked = without(&expected, &found);
        let (table, known) = (self.table(), self.model.table());

        overlooked.retain(|violation| match violation {
            _ if has_lost => false,
            // A start does not look at all ranges of its task. A sweep finds the leak later.
            Violation::Leak(leak) if matches!(event, Event::Begin { .. }) => !table.contains(leak),
            _ => true,
        });
        prop_assert_eq!(innocent, [], "reported without cause after {:?}", event);
        prop_assert_eq!(overlooked, [], "overlooked after {:?}", event);
        prop_assert_eq!(
            without(&table, &known),
            [],
            "in the table after {:?}",
            event
        );
        if !has_lost {
            prop_assert_eq!(
                without(&known, &table),
                [],
                "not in the table after {:?}",
                event
            );
        }
        Ok(())
    }
}

fn leaks(found: impl IntoIterator<Item = Recorded>) -> Vec<Violation> {
    found.into_iter().map(Violation::Leak).collect()
}

/// Runs `test` with random streams.
fn run(cases: u32, test: impl Fn(Vec<Event>) -> Result<(), TestCaseError>) {
    let default = Config::default();
    let is_set = std::env::var_os("PROPTEST_CASES").is_some();
    let config = Config {
        cases: if is_set { default.cases } else { cases },
        failure_persistence: None,
        ..default
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);

    if let Err(error) = TestRunner::new_with_rng(config, rng).run(&streams(), test) {
        panic!("{error}");
    }
}

/// Makes a ledger with so many slots, and checks `events` and the end of all tasks.
fn check(slots: usize, events: &[Event]) -> Result<u64, TestCaseError> {
    let ledger = Ledger::new((0..slots).map(|_| Slot::new()).collect());
    let mut run = Run::new(&ledger, slots);

    for event in events {
        run.check(event)?;
    }
    for task in 0..TASKS {
        for _ in 0..DEPTH {
            run.check(&Event::Finish { task, fails: true })?;
        }
        run.check(&Event::Exit { task })?;
    }
    run.check(&Event::Sweep { ticks: 0 })?;
    prop_assert_eq!(run.table(), []);
    Ok(ledger.lost())
}

#[test]
fn large_ledger() {
    run(500, |events| {
        prop_assert_eq!(check(32, &events)?, 0);
        Ok(())
    });
}

#[test]
fn small_ledger() {
    run(500, |events| {
        check([1, 2, 4][events.len() % 3], &events)?;
        Ok(())
    });
}
