// SPDX-License-Identifier: GPL-2.0

//! What the ledger does for observers, which see the call and the return of a function separately.

use super::scene::{
    call,
    Scene, //
};
use crate::{
    check::ledger::Phase,
    event::{
        platform::Current,
        Activity,
        Call,
        Callback,
        Range,
        Wait, //
    },
};

/// Stands for the core.
const CORE: u64 = 1;
/// A callback of a driver.
const DRIVER: u64 = 2;

const ADDRESS: usize = 0x8000;
const MM: usize = 1;

/// A range of the core at `address`, in `mm`.
fn range(address: usize, mm: usize) -> Call {
    Call {
        activity: Activity::Range,
        mm,
        ..call(CORE, Callback::Start, address)
    }
}

#[test]
fn a_token_is_kept_as_a_number() {
    let scene = Scene::new(2);
    let outer = scene.enter(&range(ADDRESS, MM));
    let outer = scene.ledger.number(outer);
    let inner = scene.enter(&call(DRIVER, Callback::Start, ADDRESS));
    let inner = scene.ledger.number(inner);

    assert_ne!(outer, inner);
    scene
        .ledger
        .finish(scene.ledger.token(inner, ADDRESS), DRIVER, false);
    scene
        .ledger
        .finish(scene.ledger.token(outer, ADDRESS), CORE, true);
    assert!(matches!(scene.recorded()[..], [open]
        if open.call == range(ADDRESS, MM) && open.phase == Phase::Open));
    assert!(scene.end_of(&range(ADDRESS, MM)).is_ok());
    assert!(scene.recorded().is_empty());
}

#[test]
fn an_inner_call_is_beside_its_range() {
    let scene = Scene::new(2);
    let callback = call(DRIVER, Callback::Start, ADDRESS);
    let begin = || scene.ledger.begin_inner(Current::get(), callback);

    // The task has no slot yet.
    assert!(begin().is_none());
    let range_token = scene.enter(&range(ADDRESS, MM));
    let token = begin().expect("the task has a slot, and places there");
    assert!(matches!(scene.recorded()[..], [outer, inner]
        if outer.call == range(ADDRESS, MM)
            && inner.call == callback
            && inner.phase == Phase::Running));
    scene.ledger.finish(token, DRIVER, false);
    scene.ledger.finish(range_token, CORE, true);

    // With one open range, six more calls have places.
    let tokens: Vec<_> = std::iter::from_fn(begin).collect();
    assert_eq!(tokens.len(), 6);
    for token in tokens {
        scene.ledger.finish(token, DRIVER, false);
    }
    assert!(scene.end_of(&range(ADDRESS, MM)).is_ok());
    assert!(scene.recorded().is_empty());
    // The slot is another task's by now.
    assert!(begin().is_none());
}

#[test]
fn a_lost_call_has_a_number() {
    // Another task has the only slot.
    let scene = Scene::new(1);
    let _other = scene.enter(&call(DRIVER, Callback::Start, ADDRESS));
    scene.become_task(2);

    let token = scene.enter(&range(ADDRESS, MM));
    let number = scene.ledger.number(token);
    assert_eq!(scene.ledger.lost(), 1);
    // As an open range it excuses its end.
    scene
        .ledger
        .finish(scene.ledger.token(number, ADDRESS), CORE, true);
    assert!(scene.end_of(&range(ADDRESS, MM)).is_ok());
    assert!(scene.end_of(&range(ADDRESS, MM)).is_err());
}

#[test]
fn the_current_range_is_found() {
    let scene = Scene::new(4);
    let found = |address| scene.ledger.current_range(CORE, address);

    assert!(found(0).is_none());
    // One is open, and in the start of another a callback asks.
    assert!(scene.start_of(&range(ADDRESS, MM)).is_none());
    let token = scene.enter(&range(ADDRESS + 8, MM));
    let callback = scene.enter(&call(DRIVER, Callback::Start, ADDRESS + 8));

    assert!(found(0).is_some_and(|found| found.call.address() == ADDRESS + 8));
    assert!(found(ADDRESS).is_some_and(|found| found.phase == Phase::Open));
    assert!(found(ADDRESS + 16).is_none());
    // It is the range of this task.
    scene.become_task(2);
    assert!(found(0).is_none());
    assert!(found(ADDRESS).is_none());
    scene.become_task(1);
    scene.ledger.finish(callback, DRIVER, false);
    scene.ledger.finish(token, CORE, false);
    assert!(found(0).is_none());
}

#[test]
fn ranges_of_an_mm_are_counted() {
    let scene = Scene::new(4);
    let snapshot = || scene.ledger.snapshot(CORE, MM).expect("nothing changes");
    let open = || snapshot().number;

    assert_eq!(open(), 0);
    // A range counts from before its start until after its end.
    let start = scene.enter(&range(ADDRESS, MM));
    assert_eq!(open(), 1);
    scene.ledger.finish(start, CORE, true);
    assert_eq!(open(), 1);
    let end = scene
        .ledger
        .begin_end(&range(ADDRESS, MM), |_| unreachable!());
    assert_eq!(open(), 1);
    scene.ledger.finish(end, CORE, false);
    assert_eq!(open(), 0);

    // One of another mm does not, nor a callback; one in another task does.
    assert!(scene.start_of(&range(ADDRESS, MM + 1)).is_none());
    assert!(scene.start(DRIVER, ADDRESS).is_none());
    assert_eq!(open(), 0);
    scene.become_task(2);
    assert!(scene.start_of(&range(ADDRESS, MM)).is_none());
    scene.become_task(1);
    assert_eq!(open(), 1);

    // A task that waits has no range.
    let wait = scene.enter(&Call {
        activity: Activity::Wait(Wait::ReadBegin),
        range: None,
        ..range(ADDRESS, MM)
    });
    assert_eq!(open(), 1);
    scene.ledger.finish(wait, CORE, false);

    // Another range in the same place is another snapshot.
    let before = snapshot();
    assert!(snapshot() == before);
    scene.become_task(2);
    assert!(scene.end_of(&range(ADDRESS, MM)).is_ok());
    assert!(scene.start_of(&range(ADDRESS, MM)).is_none());
    assert_eq!(open(), 1);
    assert!(snapshot() != before);
}

#[test]
fn calls_are_forgotten() {
    let scene = Scene::new(2);
    let running = scene.enter(&call(DRIVER, Callback::Start, ADDRESS));
    let number = scene.ledger.number(running);
    assert!(scene.start(3, ADDRESS).is_none());

    // Another task forgets what is not observed any more.
    scene.become_task(2);
    scene
        .ledger
        .forget(|recorded| recorded.call.subscriber == DRIVER);
    assert!(matches!(scene.recorded()[..], [open] if open.call.subscriber == 3));

    // The task goes on with its slot, and gives it back in the end.
    scene.become_task(1);
    let again = scene.enter(&call(DRIVER, Callback::End, ADDRESS + 8));
    assert_eq!(scene.recorded().len(), 2);
    assert_eq!(scene.ledger.number(again), number);
    let again = scene.ledger.token(number, 0);
    scene.ledger.finish(again, DRIVER, false);
    assert!(scene.end(3, ADDRESS).is_ok());
    scene.become_task(2);
    for address in [0x100, 0x200, 0x300] {
        assert!(scene.start(4, address).is_none());
    }
    scene.become_task(3);
    assert!(scene.start(4, 0x100).is_none());
    assert_eq!(scene.ledger.lost(), 0);
}

/// The start and the end of a range are the same range: its end has the same bounds.
#[test]
fn a_range_changes() {
    let scene = Scene::new(2);
    let mut end = range(ADDRESS, MM);

    assert!(scene.start_of(&range(ADDRESS, MM)).is_none());
    end.range = end.range.map(|range| Range {
        end: range.end + 0x1000,
        ..range
    });
    assert!(scene.end_of(&end).is_err());
    assert!(scene.recorded().is_empty());
}
