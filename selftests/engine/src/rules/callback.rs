// SPDX-License-Identifier: GPL-2.0

//! The rules for one call of a callback.

use super::scene;
use crate::{
    check::{
        callback::{
            judge,
            Finding,
            Returned, //
        },
        Rule,
    },
    event::{
        Call,
        Callback,
        Kind,
        Range, //
    },
};

/// How a correct callback returns, which may return `result`.
fn returned(result: i64) -> Returned {
    Returned {
        result,
        sleeps: 0,
        scheduled: false,
        locked_in: 0,
        allocated_in: 0,
        taken_ms: 0,
        has_end: false,
        sequence_missing: false,
        left_finish: false,
    }
}

/// A call of `callback` for a range that is `blockable`.
fn call(callback: Callback, blockable: bool) -> Call {
    let call = scene::call(1, callback, 0x8000);

    Call {
        range: call.range.map(|range| Range { blockable, ..range }),
        ..call
    }
}

/// What is found in `call`, which may take 5 ms.
fn found(call: Call, returned: Returned) -> Vec<Finding> {
    let mut all = Vec::new();

    judge(&call, &returned, 5, |finding| all.push(finding));
    all
}

#[test]
fn correct_callbacks() {
    for callback in [
        Callback::Start,
        Callback::End,
        Callback::Release,
        Callback::Finish,
        Callback::Flush,
        Callback::Young,
    ] {
        for blockable in [false, true] {
            assert_eq!(found(call(callback, blockable), returned(0)), []);
        }
    }
    for blockable in [false, true] {
        assert_eq!(
            found(call(Callback::Invalidate, blockable), returned(1)),
            []
        );
    }
    // These may refuse.
    assert_eq!(found(call(Callback::Start, false), returned(-11)), []);
    assert_eq!(found(call(Callback::Invalidate, false), returned(0)), []);
    // A young callback returns whether a page was young, an end nothing.
    assert_eq!(found(call(Callback::Young, true), returned(1)), []);
    assert_eq!(found(call(Callback::End, true), returned(-22)), []);
}

#[test]
fn a_start_fails() {
    let with_end = Returned {
        has_end: true,
        ..returned(-11)
    };

    assert_eq!(
        found(call(Callback::Start, false), returned(-22)),
        [Finding::Failed(-22)]
    );
    assert_eq!(
        found(call(Callback::Start, true), returned(-11)),
        [Finding::FailedBlockable(-11)]
    );
    assert_eq!(
        found(call(Callback::Start, false), with_end),
        [Finding::RefusedWithEnd]
    );
    assert_eq!(
        found(
            call(Callback::Start, false),
            Returned {
                result: 0,
                ..with_end
            }
        ),
        []
    );
}

#[test]
fn an_interval_refuses() {
    let left = Returned {
        left_finish: true,
        ..returned(0)
    };

    assert_eq!(
        found(call(Callback::Invalidate, true), returned(0)),
        [Finding::RefusedBlockable]
    );
    assert_eq!(
        found(call(Callback::Invalidate, false), left),
        [Finding::FinishLeft]
    );
    assert_eq!(
        found(
            call(Callback::Invalidate, false),
            Returned { result: 1, ..left }
        ),
        []
    );
}

#[test]
fn a_sequence_is_not_set() {
    let missing = Returned {
        sequence_missing: true,
        ..returned(1)
    };
    let mut at_release = call(Callback::Invalidate, true);

    assert_eq!(
        found(call(Callback::Invalidate, true), missing),
        [Finding::SequenceNotSet]
    );
    // A refusal sets none.
    assert_eq!(
        found(
            call(Callback::Invalidate, false),
            Returned {
                result: 0,
                ..missing
            }
        ),
        []
    );
    at_release.range = at_release.range.map(|range| Range {
        kind: Kind::RELEASE,
        ..range
    });
    assert_eq!(found(at_release, missing), []);
}

#[test]
fn a_callback_sleeps() {
    let slept = |result| Returned {
        sleeps: 2,
        ..returned(result)
    };

    for callback in [Callback::Start, Callback::End, Callback::Finish] {
        assert_eq!(found(call(callback, false), slept(0)), [Finding::Slept(2)]);
        assert_eq!(found(call(callback, true), slept(0)), []);
    }
    for callback in [Callback::Flush, Callback::Young] {
        assert_eq!(found(call(callback, true), slept(0)), [Finding::Slept(2)]);
    }
    assert_eq!(found(call(Callback::Release, true), slept(0)), []);
}

#[test]
fn a_callback_might_sleep() {
    let locked = Returned {
        locked_in: 7,
        scheduled: true,
        ..returned(0)
    };
    let scheduled = Returned {
        locked_in: 0,
        ..locked
    };

    assert_eq!(
        found(call(Callback::Start, false), locked),
        [Finding::MightSleep(7)]
    );
    assert_eq!(
        found(call(Callback::Start, false), scheduled),
        [Finding::Scheduled]
    );
    // It did sleep.
    assert_eq!(
        found(
            call(Callback::Start, false),
            Returned {
                sleeps: 1,
                ..locked
            }
        ),
        [Finding::Slept(1)]
    );
    assert_eq!(found(call(Callback::Start, true), locked), []);
}

#[test]
fn a_callback_allocates() {
    let allocated = Returned {
        allocated_in: 8,
        ..returned(0)
    };

    for blockable in [false, true] {
        assert_eq!(
            found(call(Callback::End, blockable), allocated),
            [Finding::Allocated(8)]
        );
    }
    assert_eq!(found(call(Callback::Release, true), allocated), []);
}

#[test]
fn a_callback_takes_long() {
    let took = |ms| Returned {
        taken_ms: ms,
        ..returned(0)
    };
    let mut all = Vec::new();

    assert_eq!(found(call(Callback::Start, true), took(5)), []);
    assert_eq!(
        found(call(Callback::Start, true), took(6)),
        [Finding::Took(6)]
    );
    judge(
        &call(Callback::Start, true),
        &took(u64::MAX),
        0,
        |finding| {
            all.push(finding);
        },
    );
    assert_eq!(all, []);
}

#[test]
fn findings_keep_their_words() {
    let findings = [
        (Finding::Failed(-22), Rule::Failure),
        (Finding::FailedBlockable(-11), Rule::Failure),
        (Finding::RefusedBlockable, Rule::Failure),
        (Finding::RefusedWithEnd, Rule::FailingEnd),
        (Finding::Slept(3), Rule::NonBlock),
        (Finding::Took(106), Rule::Latency),
        (Finding::SequenceNotSet, Rule::Sequence),
        (Finding::SequenceStuck(7), Rule::Sequence),
        (Finding::FinishLeft, Rule::Finish),
        (Finding::NotEnded, Rule::Pairing),
        (Finding::BadRange, Rule::Range),
        (Finding::Changed, Rule::Range),
        (Finding::MightSleep(8), Rule::NonBlock),
        (Finding::Scheduled, Rule::NonBlock),
        (Finding::Allocated(9), Rule::Reclaim),
        (Finding::Slow(1_500), Rule::Latency),
        (Finding::NotInserted(10), Rule::Lifetime),
        (Finding::NotEndedBefore(11), Rule::Lifetime),
    ];

    for (finding, rule) in findings {
        assert_eq!(Finding::from_words(finding.to_words()), Some(finding));
        assert_eq!(finding.rule(), rule);
        assert_eq!(finding.breaks_rule(), finding != Finding::Slow(1_500));
    }
    assert_eq!(Finding::Took(2).took_ns(), Some(2_000_000));
    assert_eq!(Finding::Slow(1_500).took_ns(), Some(1_500));
    assert_eq!(Finding::Slept(3).took_ns(), None);
    assert_eq!(Finding::from_words([0, 0]), None);
    assert_eq!(Finding::from_words([19, 0]), None);
}
