// SPDX-License-Identifier: GPL-2.0

//! The rules, each on a stream of events made by hand.

mod callback;
mod observed;
mod pairing;
mod scene;
mod sequence;
mod stall;

use crate::{
    check::Rule,
    event::{
        Activity,
        Callback,
        Wait, //
    },
};

#[test]
fn rules_stand_at_their_numbers() {
    for (number, rule) in Rule::ALL.into_iter().enumerate() {
        assert_eq!(rule as usize, number);
    }
}

#[test]
fn activities_keep_their_codes() {
    let activities = [
        Activity::Callback(Callback::Start),
        Activity::Callback(Callback::Finish),
        Activity::Callback(Callback::ChainEnd),
        Activity::Wait(Wait::Unregister),
        Activity::Wait(Wait::ReadBegin),
        Activity::Range,
    ];

    for activity in activities {
        assert_eq!(Activity::from_code(activity.code()), Some(activity));
    }
    assert_eq!(Activity::from_code(9), None);
    assert_eq!(Activity::from_code(0xff), None);
}

/// A range that must not block forbids sleeping in each callback; some callbacks never sleep.
#[test]
fn some_callbacks_may_sleep() {
    for (callback, without_range) in [
        (Callback::Start, true),
        (Callback::ChainEnd, true),
        (Callback::Release, true),
        (Callback::Flush, false),
        (Callback::Young, false),
    ] {
        let mut call = scene::call(1, callback, 0x8000);

        assert_eq!(call.may_sleep(), without_range);
        call.range = call.range.map(|range| crate::event::Range {
            blockable: false,
            ..range
        });
        assert!(!call.may_sleep());
        call.range = None;
        assert_eq!(call.may_sleep(), without_range);
    }
}
