// SPDX-License-Identifier: GPL-2.0

//! Rule `sequence`, as an interval subscriber sees it.

use crate::{
    check::sequence::{
        Invalidation,
        Sequence, //
    },
    event::{
        Kind,
        Range, //
    },
};

const UNMAP: Kind = Kind(0);
const CLEAR: Kind = Kind(1);

/// Returns an invalidation of range number `number`, which may sleep unless it is a `CLEAR`.
fn invalidation(number: usize, kind: Kind, sequence: usize) -> Invalidation {
    Invalidation {
        range: Range {
            address: number,
            start: 0x1000,
            end: 0x3000,
            kind,
            blockable: kind != CLEAR,
        },
        sequence,
    }
}

/// Returns what a subscriber knows that was notified of range 1, marked by 3, which was refused.
fn refused() -> Sequence {
    let mut sequence = Sequence::default();
    let first = invalidation(1, CLEAR, 3);

    assert!(sequence.invalidated(first).is_none());
    sequence.refuse(first.range, (c"trylock", 7));
    sequence
}

#[test]
fn stuck_at_release() {
    let mut sequence = refused();

    assert!(sequence.invalidated(invalidation(2, CLEAR, 3)).is_none());
    assert!(sequence.invalidated(invalidation(3, UNMAP, 3)).is_none());
    let stuck = sequence.invalidated(invalidation(4, Kind::RELEASE, 3));
    assert!(stuck.is_some_and(|(since, (_, serial))| since.range.address == 1 && serial == 7));
}

#[test]
fn moved_on() {
    assert!(refused()
        .invalidated(invalidation(4, Kind::RELEASE, 5))
        .is_none());

    // What is refused first is forgotten when it moves.
    let mut sequence = refused();
    assert!(sequence.invalidated(invalidation(2, CLEAR, 5)).is_none());
    assert!(sequence
        .invalidated(invalidation(4, Kind::RELEASE, 5))
        .is_none());
}

#[test]
fn another_was_refused() {
    let mut sequence = Sequence::default();

    assert!(sequence.invalidated(invalidation(1, CLEAR, 3)).is_none());
    sequence.refuse(invalidation(2, CLEAR, 3).range, (c"trylock", 7));
    assert!(sequence
        .invalidated(invalidation(4, Kind::RELEASE, 3))
        .is_none());
}
