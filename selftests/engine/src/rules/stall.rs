// SPDX-License-Identifier: GPL-2.0

//! Rule `stall`, and which tasks wait for which callbacks.

use super::scene::{
    call,
    task,
    Scene, //
};
use crate::{
    check::{
        ledger::{
            Found,
            Phase, //
        },
        waits_for, //
    },
    event::{
        platform::{
            set_ticks,
            TICKS_PER_SECOND, //
        },
        Activity,
        Call,
        Callback,
        Wait, //
    },
};

const ADDRESS: usize = 0x8000;
const LIMIT: u32 = 10;

fn wait(wait: Wait, mm: usize) -> Call {
    Call {
        subscriber: 9,
        activity: Activity::Wait(wait),
        mm,
        range: None,
        initiator: 0,
    }
}

/// A callback that does not return is found while it hangs, once.
#[test]
fn a_callback_hangs() {
    let scene = Scene::new(4);
    let start = call(1, Callback::Start, ADDRESS);
    let token = scene.enter(&start);

    assert!(scene.sweep(LIMIT - 1, LIMIT).is_empty());
    let found = scene.sweep(LIMIT, LIMIT);
    assert!(matches!(found[..], [Found::Stall(stall)]
        if stall.call == start && stall.task == task(1) && stall.phase == Phase::Running));
    assert!(scene.sweep(2 * LIMIT, LIMIT).is_empty());

    // It returns after all; another that hangs in the same place is found again.
    scene.ledger.finish(token, 1, false);
    let token = scene.enter(&start);
    assert_eq!(scene.sweep(3 * LIMIT, LIMIT).len(), 1);
    scene.ledger.finish(token, 1, false);
}

/// A task that could run, but gets no CPU, does not hang.
#[test]
fn a_task_waits_for_a_cpu() {
    let scene = Scene::new(4);
    let token = scene.enter(&call(1, Callback::Start, ADDRESS));

    scene.crowd(true);
    assert!(scene.sweep(LIMIT, LIMIT).is_empty());
    scene.crowd(false);
    assert_eq!(scene.sweep(LIMIT + 1, LIMIT).len(), 1);
    scene.ledger.finish(token, 1, false);
}

#[test]
fn an_end_hangs() {
    let scene = Scene::new(4);
    let end = call(1, Callback::End, ADDRESS);

    scene.start(1, ADDRESS);
    assert!(scene.sweep(LIMIT, LIMIT).is_empty());
    let token = scene
        .ledger
        .begin_end(&end, |mismatch| panic!("{mismatch:?}"));
    assert!(scene.sweep(LIMIT + 1, LIMIT).is_empty());
    let found = scene.sweep(2 * LIMIT, LIMIT);
    assert!(matches!(found[..], [Found::Stall(stall)] if stall.call == end));
    scene.ledger.finish(token, 1, false);
    assert!(scene.recorded().is_empty());
}

/// A callback that is called while a sweep runs, after the sweep has read the clock.
#[test]
fn a_callback_is_young() {
    let scene = Scene::new(4);

    set_ticks(5 * TICKS_PER_SECOND);
    let _runs = scene.enter(&call(1, Callback::Start, ADDRESS));
    scene.become_task(2);
    scene.start(1, ADDRESS);
    scene.sleep_at(ADDRESS + 8);
    assert!(scene.sweep(4, LIMIT).is_empty());
}

#[test]
fn no_limit() {
    let scene = Scene::new(4);

    let _hangs = scene.enter(&call(1, Callback::Flush, ADDRESS));
    assert!(scene.sweep(1000, 0).is_empty());
}

/// A task that exits within a callback, because it has oopsed, stays on record.
#[test]
fn a_callback_oopses() {
    let scene = Scene::new(4);
    let start = call(1, Callback::Start, ADDRESS);

    let _token = scene.enter(&start);
    scene.exit(1);
    for seconds in [1, 2] {
        scene.sweep(seconds, 0);
        assert!(matches!(scene.recorded()[..], [recorded]
            if recorded.call == start && recorded.phase == Phase::Running));
    }
}

/// A task that waits is on record as well, but never stalls.
#[test]
fn a_wait_is_no_callback() {
    let scene = Scene::new(4);
    let unregister = wait(Wait::Unregister, 1);
    let token = scene.enter(&unregister);

    assert!(scene.sweep(2 * LIMIT, LIMIT).is_empty());
    assert_eq!(scene.recorded()[0].call, unregister);
    scene.ledger.finish(token, 9, false);
    assert!(scene.recorded().is_empty());
}

/// All subscribers to whole address spaces share one SRCU; an interval waits for its own mm.
#[test]
fn waiters() {
    let hlist = [
        Callback::Start,
        Callback::End,
        Callback::Release,
        Callback::Young,
        Callback::Flush,
        Callback::ChainStart,
    ];
    let intervals = [Callback::Invalidate, Callback::Finish];

    for callback in hlist {
        assert!(waits_for(
            &wait(Wait::Unregister, 2),
            &call(1, callback, ADDRESS)
        ));
    }
    for callback in intervals {
        assert!(!waits_for(
            &wait(Wait::Unregister, 1),
            &call(1, callback, ADDRESS)
        ));
    }
    for reason in [Wait::Remove, Wait::ReadBegin] {
        for callback in [Callback::Start, Callback::Invalidate, Callback::Finish] {
            let callback = call(1, callback, ADDRESS);

            assert!(waits_for(&wait(reason, 1), &callback));
            assert!(!waits_for(&wait(reason, 2), &callback));
        }
        // Not within a range that is open for intervals.
        for callback in [Callback::End, Callback::Young] {
            assert!(!waits_for(&wait(reason, 1), &call(1, callback, ADDRESS)));
        }
    }
    assert!(!waits_for(
        &call(1, Callback::Start, ADDRESS),
        &call(1, Callback::Start, ADDRESS)
    ));
}
