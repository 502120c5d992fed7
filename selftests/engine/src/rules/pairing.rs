// SPDX-License-Identifier: GPL-2.0

//! Rule `pairing`.

use super::scene::{
    call,
    task,
    Scene, //
};
use crate::{
    check::ledger::{
        Found,
        Mismatch,
        Phase,
        Slot, //
    },
    event::{
        Callback,
        Kind,
        Range, //
    },
};

const ADDRESS: usize = 0x8000;

#[test]
fn a_pair_is_closed() {
    let scene = Scene::new(4);

    // Another range may have the same address, later.
    for _ in 0..2 {
        assert!(scene.start(1, ADDRESS).is_none());
        assert_eq!(scene.recorded().len(), 1);
        assert_eq!(scene.end(1, ADDRESS), Ok(()));
        assert!(scene.recorded().is_empty());
    }
    assert_eq!(scene.ledger.lost(), 0);
}

#[test]
fn a_task_has_more_ranges_than_a_slot() {
    let scene = Scene::new(8);
    let all = 5 * Slot::ENTRIES;

    for range in 0..all {
        assert!(scene.start(1, ADDRESS + range).is_none());
    }
    assert_eq!(scene.recorded().len(), all);
    // Neither in their order nor in the reverse.
    for first in [0, 1] {
        for range in (first..all).step_by(2) {
            assert_eq!(scene.end(1, ADDRESS + range), Ok(()));
        }
    }
    assert!(scene.recorded().is_empty());
    assert_eq!(scene.ledger.lost(), 0);
}

#[test]
fn subscribers_and_tasks_are_told_apart() {
    let scene = Scene::new(8);

    for subscriber in [1, 2] {
        assert!(scene.start(subscriber, ADDRESS).is_none());
    }
    scene.become_task(2);
    assert!(scene.start(1, ADDRESS + 1).is_none());
    assert_eq!(scene.end(2, ADDRESS + 1), Err(Mismatch::NotOpen));
    assert_eq!(scene.end(1, ADDRESS + 1), Ok(()));
    scene.become_task(1);
    for subscriber in [1, 2] {
        assert_eq!(scene.end(subscriber, ADDRESS), Ok(()));
    }
}

#[test]
fn an_end_needs_a_start() {
    let scene = Scene::new(4);

    assert_eq!(scene.end(1, ADDRESS), Err(Mismatch::NotOpen));
    assert!(scene.start(1, ADDRESS + 1).is_none());
    assert_eq!(scene.end(1, ADDRESS), Err(Mismatch::NotOpen));
    assert_eq!(scene.end(1, ADDRESS + 1), Ok(()));
    assert_eq!(scene.end(1, ADDRESS + 1), Err(Mismatch::NotOpen));
    scene.refuse(1, ADDRESS);
    assert_eq!(scene.end(1, ADDRESS), Err(Mismatch::NotOpen));
}

#[test]
fn an_end_is_in_the_same_task() {
    let scene = Scene::new(4);

    scene.start(1, ADDRESS);
    scene.become_task(2);
    let Err(Mismatch::OtherTask(start)) = scene.end(1, ADDRESS) else {
        panic!("the other task is not seen");
    };
    assert_eq!(start.task, task(1));
}

#[test]
fn an_end_is_of_the_same_range() {
    let scene = Scene::new(4);
    let start = call(1, Callback::Start, ADDRESS);
    let range = start.range.unwrap();

    for other in [
        Range { start: 0, ..range },
        Range {
            end: 0x2000,
            ..range
        },
        Range {
            kind: Kind(1),
            ..range
        },
        Range {
            blockable: false,
            ..range
        },
    ] {
        let mut end = call(1, Callback::End, ADDRESS);

        end.range = Some(other);
        scene.start(1, ADDRESS);
        let Err(Mismatch::OtherRange(of)) = scene.end_of(&end) else {
            panic!("the other range is not seen");
        };
        assert_eq!(of, range);
        assert!(scene.recorded().is_empty());
    }
}

/// The report names the range that has no end, its task and its initiator, not those of the range
/// that comes next.
#[test]
fn the_next_range_at_the_same_place_proves_a_leak() {
    let scene = Scene::new(4);
    let mut next = call(1, Callback::Start, ADDRESS);

    assert!(scene.start(1, ADDRESS).is_none());
    next.initiator = 0xdef;
    next.range = next.range.map(|range| Range {
        kind: Kind(1),
        ..range
    });
    let leak = scene.start_of(&next).unwrap();
    assert_eq!(leak.call, call(1, Callback::Start, ADDRESS));
    assert_eq!((leak.task, leak.phase), (task(1), Phase::Open));

    // The next one is a range like any other.
    let mut end = next;
    end.activity = crate::event::Activity::Callback(Callback::End);
    assert_eq!(scene.end_of(&end), Ok(()));
    assert!(scene.recorded().is_empty());
}

/// One of two subscribers of the task has leaked.
#[test]
fn the_second_subscriber_leaks() {
    let scene = Scene::new(4);

    for subscriber in [1, 2] {
        assert!(scene.start(subscriber, ADDRESS).is_none());
    }
    assert_eq!(scene.end(1, ADDRESS), Ok(()));
    assert!(scene.start(1, ADDRESS).is_none());
    assert!(scene.start(2, ADDRESS).is_some());
    for subscriber in [1, 2] {
        assert_eq!(scene.end(subscriber, ADDRESS), Ok(()));
    }
    assert!(scene.recorded().is_empty());
}

/// At the release of the mm, what the current task or a task that has exited has left open is a leak.
/// What a live task has open is none, and its end may still come.
#[test]
fn a_release_finds_leaks() {
    let scene = Scene::new(8);

    for number in [1, 2, 3] {
        scene.become_task(number);
        scene.start(1, ADDRESS + number as usize);
        scene.start(2, ADDRESS + number as usize);
    }
    scene.exit(2);
    scene.become_task(1);
    let leaks = scene.close(1, false);
    assert_eq!(
        leaks.iter().map(|leak| leak.task).collect::<Vec<_>>().len(),
        2
    );
    for number in [1, 2] {
        assert!(leaks
            .iter()
            .any(|leak| leak.task == task(number) && leak.call.subscriber == 1));
    }
    scene.become_task(3);
    assert_eq!(scene.end(1, ADDRESS + 3), Ok(()));
    assert_eq!(scene.recorded().len(), 3);
}

/// A detach closes all ranges of the subscriber, and takes those of live tasks for no leaks.
#[test]
fn a_detach_closes_all() {
    let scene = Scene::new(8);

    for number in [1, 2] {
        scene.become_task(number);
        scene.start(1, ADDRESS);
    }
    let leaks = scene.close(1, true);
    assert_eq!(leaks.len(), 1);
    assert!(leaks.iter().all(|leak| leak.task == task(2)));
    assert!(scene.recorded().is_empty());

    // The slots are of use again.
    for number in [1, 2] {
        scene.become_task(number);
        assert!(scene.start(1, ADDRESS).is_none());
        assert_eq!(scene.end(1, ADDRESS), Ok(()));
    }
}

/// A sweep finds what a task has left open whose stack pointer is above the range.
#[test]
fn a_sweep_finds_the_leak_of_a_sleeper() {
    let scene = Scene::new(8);

    scene.start(1, ADDRESS);
    scene.sleep_at(ADDRESS);
    assert!(scene.sweep(3, 0).is_empty());
    scene.sleep_at(ADDRESS + 8);
    assert!(matches!(scene.sweep(4, 0)[..], [Found::Leak(leak)] if leak.task == task(1)));
    assert!(scene.sweep(5, 0).is_empty());
    assert!(scene.recorded().is_empty());
}

/// A sweep finds what a task has left open that has entered the kernel anew, wherever its stack
/// pointer is; not what it has opened since.
#[test]
fn a_sweep_finds_the_leak_of_another_system_call() {
    let scene = Scene::new(8);

    scene.enter_kernel(0x3fff_ffff);
    scene.start(1, ADDRESS);
    assert!(scene.sweep(3, 0).is_empty());
    scene.enter_kernel(7);
    scene.start(1, ADDRESS - 8);
    let found = scene.sweep(6, 0);
    assert!(matches!(found[..], [Found::Leak(leak)] if leak.call.address() == ADDRESS));
    assert_eq!(scene.end(1, ADDRESS - 8), Ok(()));
    assert!(scene.recorded().is_empty());
}

/// Tasks that leave a range open each, and exit, are all counted with a few slots.
#[test]
fn a_thousand_tasks_exit() {
    let scene = Scene::new(64);
    let mut leaks = 0;

    for number in 1..=1000 {
        scene.become_task(number);
        scene.start(1, ADDRESS);
        scene.exit(number);
        if number % 16 == 0 {
            leaks += scene.sweep(1, 0).len();
        }
    }
    leaks += scene.sweep(1, 0).len();
    assert_eq!((leaks, scene.ledger.lost()), (1000, 0));
    assert!(scene.recorded().is_empty());
}

/// A task may begin at the address of one that has exited: what that has left open is not its own.
#[test]
fn an_address_is_used_again() {
    let scene = Scene::new(8);
    let mut later = task(1);

    scene.start(1, ADDRESS);
    scene.exit(1);
    later.start_time = 7;
    crate::event::platform::set_current(later);
    assert!(scene.start(1, ADDRESS).is_none());
    assert_eq!(scene.end(1, ADDRESS), Ok(()));
    assert_eq!(scene.end(2, ADDRESS), Err(Mismatch::NotOpen));
    assert_eq!(scene.sweep(1, 0).len(), 1);
}

/// What was lost for want of a place accuses no subscriber, and excuses no other end for good.
#[test]
fn what_is_lost_is_counted() {
    let scene = Scene::new(1);
    let lost = 3;
    let all = Slot::ENTRIES as u64 + lost;

    for subscriber in 0..all {
        assert!(scene.start(subscriber, ADDRESS).is_none());
    }
    assert_eq!(scene.ledger.lost(), lost);
    for subscriber in 0..all {
        assert_eq!(scene.end(subscriber, ADDRESS), Ok(()));
        assert_eq!(scene.end(subscriber, ADDRESS), Err(Mismatch::NotOpen));
    }
    assert!(scene.recorded().is_empty());
}

/// The stack of a task that has exited with an open range is that of another, whose start at the
/// same address is lost.
#[test]
fn a_start_is_lost_at_the_address_of_a_leak() {
    let scene = Scene::new(1);

    scene.start(1, ADDRESS);
    scene.exit(1);
    scene.become_task(2);
    assert!(scene.start(1, ADDRESS).is_none());
    assert_eq!(scene.ledger.lost(), 1);
    assert_eq!(scene.end(1, ADDRESS), Ok(()));
    assert!(matches!(scene.end(1, ADDRESS), Err(Mismatch::OtherTask(_))));
    assert!(matches!(scene.sweep(0, 0)[..], [Found::Leak(leak)] if leak.task == task(1)));
}

/// A pair that the subscriber itself closes, whose end would otherwise be due.
#[test]
fn a_pair_is_closed_early() {
    let scene = Scene::new(4);

    scene.start(1, ADDRESS);
    scene.become_task(2);
    assert!(scene.ledger.close_one(2, ADDRESS).is_none());
    let closed = scene.ledger.close_one(1, ADDRESS).unwrap();
    assert_eq!(closed.task, task(1));
    assert!(scene.ledger.close_one(1, ADDRESS).is_none());
    assert!(scene.recorded().is_empty());
}
