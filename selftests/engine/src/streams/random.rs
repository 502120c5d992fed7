// SPDX-License-Identifier: GPL-2.0

//! Random events.

use proptest::prelude::*;

use crate::event::Callback;

/// The tasks that live at a time.
pub(super) const TASKS: usize = 4;

/// An event. The numbers choose from what there is when it happens.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// A callback is called, which is no end.
    Begin {
        task: usize,
        callback: Callback,
        subscriber: u64,
        frame: usize,
        range: usize,
    },
    /// An end is called. If it is `wrong`, with other bounds than its start.
    End {
        task: usize,
        which: Which,
        wrong: bool,
    },
    /// The innermost callback of the task returns.
    Finish { task: usize, fails: bool },
    /// The task, if it runs no callback, returns to user space.
    Leave { task: usize },
    /// The task, if it runs no callback, exits. A new task takes its memory.
    Exit { task: usize },
    /// The task closes a range whose end is not due any more.
    CloseOne { task: usize, which: Which },
    /// The task ends a subscription. If not `all`, only its mm is released.
    Close {
        task: usize,
        subscriber: u64,
        all: bool,
    },
    /// Time passes, and a sweep runs.
    Sweep { ticks: u32 },
}

/// The choice of a range.
#[derive(Clone, Debug)]
pub(super) enum Which {
    /// An open range of the task itself.
    Own(usize),
    /// Any open range.
    Any(usize),
    /// A range on the stack of the task, which is seldom open.
    At { subscriber: u64, frame: usize },
}

/// Makes streams of events. Most of them start ranges and end them as they should.
pub(super) fn streams() -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec(
        prop_oneof![
            10 => begin(),
            6 => (0..TASKS, which(), prop::bool::weighted(0.2))
                .prop_map(|(task, which, wrong)| Event::End { task, which, wrong }),
            14 => (0..TASKS, prop::bool::weighted(0.2))
                .prop_map(|(task, fails)| Event::Finish { task, fails }),
            2 => (0..TASKS).prop_map(|task| Event::Leave { task }),
            2 => (0..TASKS).prop_map(|task| Event::Exit { task }),
            1 => (0..TASKS, which()).prop_map(|(task, which)| Event::CloseOne { task, which }),
            1 => (0..TASKS, subscriber(), any::<bool>())
                .prop_map(|(task, subscriber, all)| Event::Close { task, subscriber, all }),
            2 => (0..120u32).prop_map(|ticks| Event::Sweep { ticks }),
        ],
        1..150,
    )
}

fn begin() -> impl Strategy<Value = Event> {
    let callback = prop_oneof![
        6 => Just(Callback::Start),
        1 => Just(Callback::Invalidate),
        1 => Just(Callback::Young),
    ];

    (0..TASKS, callback, subscriber(), 0..2usize, 0..4usize).prop_map(
        |(task, callback, subscriber, frame, range)| Event::Begin {
            task,
            callback,
            subscriber,
            frame,
            range,
        },
    )
}

fn which() -> impl Strategy<Value = Which> {
    prop_oneof![
        6 => any::<usize>().prop_map(Which::Own),
        2 => any::<usize>().prop_map(Which::Any),
        1 => (subscriber(), 0..2usize)
            .prop_map(|(subscriber, frame)| Which::At { subscriber, frame }),
    ]
}

fn subscriber() -> impl Strategy<Value = u64> {
    1..4u64
}
