// SPDX-License-Identifier: GPL-2.0

//! A few tasks on the ledger, in every order that they may have.
//!
//! The ledger has one slot, which all tasks of a test want. To end in seconds, a test lets loom
//! preempt its threads once or twice. That is enough to find the mistakes that
//! `selftests/mutants/ledger_*.patch` plant.

use loom::{
    sync::{
        atomic::{
            AtomicBool,
            Ordering, //
        },
        Arc, //
    },
    thread, //
};

use crate::{
    check::ledger::{
        Found,
        Ledger,
        Mismatch,
        Phase,
        Recorded,
        Seen,
        Slot,
        Token, //
    },
    event::{
        platform::{
            set_current,
            Word, //
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

const SUBSCRIBER: u64 = 7;

type Calls = Ledger<Vec<Slot>>;

/// Runs `test` in every order with at most so many preemptions.
fn explore(preemptions: usize, test: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();

    model.preemption_bound = Some(preemptions);
    model.check(move || {
        // Makes what all accesses share, before there are threads.
        Word::new(0).load();
        test();
    });
}

/// Returns task `number`. All have the same memory.
fn task(number: u64) -> Task {
    Task {
        key: 0x1000,
        start_time: number,
        pid: number as i32,
        comm: [number, number],
    }
}

/// Returns a call whose data all depend on `number`.
fn call(callback: Callback, number: usize) -> Call {
    Call {
        subscriber: SUBSCRIBER,
        activity: Activity::Callback(callback),
        mm: number,
        range: Some(Range {
            address: number,
            start: number,
            end: number,
            kind: Kind(number as u32),
            blockable: true,
        }),
        initiator: number,
    }
}

fn ledger() -> Arc<Calls> {
    Arc::new(Ledger::new(vec![Slot::new()]))
}

/// Lets `player` begin a call that opens nothing.
fn enter(ledger: &Calls, player: u64, number: usize) -> Token<'_> {
    set_current(task(player));
    ledger.begin(&call(Callback::Young, number), |leak| panic!("{leak:?}"))
}

/// Lets `player` make such a call.
fn young(ledger: &Calls, player: u64, number: usize) {
    let token = enter(ledger, player, number);

    ledger.finish(token, SUBSCRIBER, false);
}

/// Lets `player` open a range.
fn open(ledger: &Calls, player: u64, number: usize) {
    set_current(task(player));
    let token = ledger.begin(&call(Callback::Start, number), |leak| panic!("{leak:?}"));
    ledger.finish(token, SUBSCRIBER, true);
}

/// Lets `player` end a range.
fn end(ledger: &Calls, player: u64, number: usize) -> Result<(), Mismatch> {
    let mut result = Ok(());

    set_current(task(player));
    let token = ledger.begin_end(&call(Callback::End, number), |mismatch| {
        result = Err(*mismatch);
    });
    ledger.finish(token, SUBSCRIBER, false);
    result
}

/// Returns all calls.
fn table(ledger: &Calls) -> Vec<Recorded> {
    let mut from = 0;

    std::iter::from_fn(|| {
        let (next, recorded) = ledger.next(from)?;

        from = next;
        Some(recorded)
    })
    .collect()
}

/// Checks that the slot can be taken. It may have been task 1's until the next call of that task.
fn assert_not_held(ledger: &Calls) {
    let lost = ledger.lost();

    young(ledger, 1, 0x800);
    young(ledger, 9, 0x900);
    assert_eq!(ledger.lost(), lost);
}

/// The tasks that have exited.
struct Exited(Arc<AtomicBool>);

impl Tasks for Exited {
    fn has_exited(&self, task: &Task) -> bool {
        // The name of one task never comes with the beginning of another.
        assert_eq!(*task, self::task(task.start_time));
        task.start_time == 1 && self.0.load(Ordering::Acquire)
    }

    fn waits_for_cpu(&self, _: &Task) -> bool {
        false
    }

    fn has_left_function(&self, _: &Task, _: usize, _: u32) -> bool {
        false
    }
}

fn sweep(ledger: &Calls, exited: &Arc<AtomicBool>, found: impl FnMut(Found)) {
    let mut seen = Seen(vec![0; Slot::ENTRIES]);

    ledger.sweep(0, &mut seen, &Exited(exited.clone()), found);
}

#[test]
fn reader_and_one_owner() {
    explore(2, || {
        let ledger = ledger();
        let owner = {
            let ledger = ledger.clone();

            thread::spawn(move || {
                young(&ledger, 1, 0x100);
                young(&ledger, 1, 0x200);
            })
        };

        for found in table(&ledger) {
            assert_eq!(found.task, task(1));
            assert!([0x100, 0x200]
                .map(|n| call(Callback::Young, n))
                .contains(&found.call));
        }
        owner.join().unwrap();
        assert_eq!(table(&ledger), []);
        assert_not_held(&ledger);
    });
}

#[test]
fn reader_and_two_owners() {
    explore(1, || {
        let ledger = ledger();
        let token = enter(&ledger, 1, 0x100);
        let next = {
            let ledger = ledger.clone();

            thread::spawn(move || {
                // It does not return.
                let _ = enter(&ledger, 2, 0x200);
            })
        };
        let reader = {
            let ledger = ledger.clone();

            thread::spawn(move || ledger.next(0).map(|(_, found)| found))
        };

        ledger.finish(token, SUBSCRIBER, false);
        if let Some(found) = reader.join().unwrap() {
            let player = found.task.start_time;

            assert_eq!(found.task, task(player));
            assert_eq!(found.call, call(Callback::Young, 0x100 * player as usize));
        }
        next.join().unwrap();
        assert_eq!(table(&ledger).len() as u64, 1 - ledger.lost());
    });
}

#[test]
fn reader_and_range() {
    explore(2, || {
        let ledger = ledger();
        let owner = {
            let ledger = ledger.clone();

            thread::spawn(move || {
                open(&ledger, 1, 0x100);
                assert_eq!(end(&ledger, 1, 0x100), Ok(()));
            })
        };

        for found in table(&ledger) {
            let callback = if found.phase == Phase::Ending {
                Callback::End
            } else {
                Callback::Start
            };

            assert_eq!(found.task, task(1));
            assert_eq!(found.call, call(callback, 0x100));
        }
        owner.join().unwrap();
        assert_eq!(table(&ledger), []);
        assert_not_held(&ledger);
    });
}

#[test]
fn end_and_close() {
    explore(2, || {
        let ledger = ledger();
        open(&ledger, 1, 0x100);
        let owner = {
            let ledger = ledger.clone();

            thread::spawn(move || end(&ledger, 1, 0x100))
        };

        set_current(task(2));
        let closed = ledger.close_one(SUBSCRIBER, 0x100);
        // One of them gets the range.
        match owner.join().unwrap() {
            Ok(()) => assert_eq!(closed, None),
            Err(mismatch) => {
                assert_eq!(mismatch, Mismatch::NotOpen);
                assert!(closed.is_some_and(|closed| closed.call == call(Callback::Start, 0x100)));
            }
        }
        assert_eq!(table(&ledger), []);
        assert_not_held(&ledger);
    });
}

#[test]
fn next_range_and_close() {
    explore(2, || {
        let ledger = ledger();
        open(&ledger, 1, 0x100);
        let owner = {
            let ledger = ledger.clone();

            thread::spawn(move || {
                let result = end(&ledger, 1, 0x100);

                open(&ledger, 1, 0x200);
                result
            })
        };

        set_current(task(2));
        let closed = ledger.close_one(SUBSCRIBER, 0x100);
        assert_eq!(owner.join().unwrap().is_err(), closed.is_some());
        // The range that came into the same entry is still open.
        assert_eq!(end(&ledger, 1, 0x200), Ok(()));
        assert_eq!(table(&ledger), []);
        assert_not_held(&ledger);
    });
}

#[test]
fn next_call_and_close() {
    explore(2, || {
        let ledger = ledger();
        for number in [0x100, 0x200, 0x300] {
            open(&ledger, 1, number);
        }
        set_current(task(2));
        assert!(ledger.close_one(SUBSCRIBER, 0x100).is_some());
        let owner = {
            let ledger = ledger.clone();

            // The task sees that one range was closed, while another is.
            thread::spawn(move || young(&ledger, 1, 0x400))
        };

        assert!(ledger.close_one(SUBSCRIBER, 0x200).is_some());
        owner.join().unwrap();
        assert_eq!(end(&ledger, 1, 0x300), Ok(()));
        assert_eq!(table(&ledger), []);
        assert_not_held(&ledger);
    });
}

#[test]
fn reader_and_close_and_next_call() {
    explore(2, || {
        let ledger = ledger();
        open(&ledger, 1, 0x100);
        open(&ledger, 1, 0x200);
        let owner = {
            let ledger = ledger.clone();

            thread::spawn(move || open(&ledger, 1, 0x300))
        };
        let closer = {
            let ledger = ledger.clone();

            thread::spawn(move || {
                set_current(task(2));
                ledger.close_one(SUBSCRIBER, 0x100)
            })
        };

        if let Some((_, found)) = ledger.next(0) {
            assert_eq!(found.task, task(1));
            assert_eq!(found.call, call(Callback::Start, found.call.mm));
        }
        assert!(closer.join().unwrap().is_some());
        owner.join().unwrap();
        assert_eq!(end(&ledger, 1, 0x200), Ok(()));
        assert_eq!(end(&ledger, 1, 0x300), Ok(()));
        assert_eq!(ledger.lost(), 0);
        assert_eq!(table(&ledger), []);
        assert_not_held(&ledger);
    });
}

#[test]
fn sweep_and_next_task() {
    explore(2, || {
        let ledger = ledger();
        let exited = Arc::new(AtomicBool::new(false));
        let token = enter(&ledger, 1, 0x100);
        let sweeper = {
            let (ledger, exited) = (ledger.clone(), exited.clone());

            thread::spawn(move || sweep(&ledger, &exited, |found| panic!("{found:?}")))
        };

        ledger.finish(token, SUBSCRIBER, false);
        exited.store(true, Ordering::Release);
        // It does not return.
        let _ = enter(&ledger, 2, 0x200);
        sweeper.join().unwrap();
        // No sweep takes the slot of a task that lives.
        assert_eq!(ledger.lost(), 0);
        assert!(ledger
            .next(0)
            .is_some_and(|(_, found)| found.task == task(2)));
    });
}

#[test]
fn sweep_and_leak() {
    explore(2, || {
        let ledger = ledger();
        let exited = Arc::new(AtomicBool::new(false));
        let mut leaks = 0;
        open(&ledger, 1, 0x100);
        let first = {
            let exited = exited.clone();

            thread::spawn(move || exited.store(true, Ordering::Release))
        };
        let closer = {
            let (ledger, exited) = (ledger.clone(), exited.clone());

            thread::spawn(move || {
                let mut leaks = 0;

                set_current(task(2));
                ledger.close(SUBSCRIBER, false, &Exited(exited), |_| leaks += 1);
                leaks
            })
        };

        sweep(&ledger, &exited, |_| leaks += 1);
        first.join().unwrap();
        leaks += closer.join().unwrap();
        sweep(&ledger, &exited, |_| leaks += 1);
        assert_eq!(leaks, 1);
        assert_eq!(table(&ledger), []);
        assert_not_held(&ledger);
    });
}
