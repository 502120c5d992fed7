// SPDX-License-Identifier: GPL-2.0

//! The ledger and the sequence, with ranges made by hand.

#[kernel::macros::kunit_tests(mnck_check)]
mod tests {
    use kernel::{
        prelude::*,
        task::Task, //
    };

    use crate::{
        check::{
            ledger::{
                Ledger,
                Mismatch, //
            },
            Open,
            RangeInfo, //
            Rule,
        },
        mmu_notifier::{
            Event,
            RangeId, //
        },
    };

    const RANGE: RangeInfo = RangeInfo {
        start: 0x1000,
        end: 0x3000,
        event: Event::Unmap,
        blockable: true,
    };

    fn id(number: usize) -> RangeId {
        RangeId::new(number)
    }

    /// The current task.
    fn here() -> *const Task {
        &raw const **current!()
    }

    /// Opens the range with this number in `ledger`, as the current task. Whether that was right.
    fn start(ledger: &mut Ledger, number: usize) -> bool {
        ledger.start(Open::new(id(number), RANGE)).is_ok()
    }

    /// Ends it.
    fn end(ledger: &mut Ledger, number: usize) -> Result<Option<Open>, Mismatch> {
        ledger.end(id(number), here(), Some(RANGE))
    }

    #[test]
    fn rules_stand_at_their_numbers() -> Result {
        for (number, rule) in Rule::ALL.into_iter().enumerate() {
            assert_eq!(rule as usize, number);
        }
        Ok(())
    }

    #[test]
    fn a_pair_is_closed() -> Result {
        let mut ledger = Ledger::new()?;

        assert!(start(&mut ledger, 1));
        assert_eq!(ledger.count(), 1);
        assert!(matches!(end(&mut ledger, 1), Ok(Some(_))));
        assert_eq!(ledger.count(), 0);

        // Another range may have the same id, later.
        assert!(start(&mut ledger, 1));
        assert!(matches!(end(&mut ledger, 1), Ok(Some(_))));
        assert_eq!((ledger.count(), ledger.lost()), (0, 0));
        Ok(())
    }

    #[test]
    fn ranges_overlap() -> Result {
        let mut ledger = Ledger::new()?;
        let all = 2 * Ledger::RESERVED;

        for number in 0..all {
            assert!(start(&mut ledger, number));
        }
        // Neither in their order nor in the reverse.
        for first in [0, 1] {
            for number in (first..all).step_by(2) {
                assert!(matches!(end(&mut ledger, number), Ok(Some(_))));
            }
        }
        assert_eq!((ledger.count(), ledger.lost()), (0, 0));
        Ok(())
    }

    #[test]
    fn an_end_needs_a_start() -> Result {
        let mut ledger = Ledger::new()?;

        assert!(matches!(end(&mut ledger, 1), Err(Mismatch::NotOpen)));
        assert!(start(&mut ledger, 2));
        assert!(matches!(end(&mut ledger, 1), Err(Mismatch::NotOpen)));
        assert!(matches!(end(&mut ledger, 2), Ok(Some(_))));
        assert!(matches!(end(&mut ledger, 2), Err(Mismatch::NotOpen)));
        Ok(())
    }

    #[test]
    fn an_end_is_in_the_same_task() -> Result {
        let mut ledger = Ledger::new()?;

        assert!(start(&mut ledger, 1));
        assert!(matches!(
            ledger.end(id(1), core::ptr::null(), Some(RANGE)),
            Err(Mismatch::OtherTask(_))
        ));
        // That is said once.
        assert_eq!(ledger.count(), 0);
        Ok(())
    }

    #[test]
    fn an_end_is_of_the_same_range() -> Result {
        for range in [
            RangeInfo {
                start: 0x2000,
                ..RANGE
            },
            RangeInfo {
                end: 0x2000,
                ..RANGE
            },
            RangeInfo {
                event: Event::Clear,
                ..RANGE
            },
            RangeInfo {
                blockable: false,
                ..RANGE
            },
        ] {
            let mut ledger = Ledger::new()?;

            assert!(start(&mut ledger, 1));
            assert!(matches!(
                ledger.end(id(1), here(), Some(range)),
                Err(Mismatch::OtherRange(_))
            ));
            assert_eq!(ledger.count(), 0);
        }

        // Who is not told the range does not compare.
        let mut ledger = Ledger::new()?;
        assert!(start(&mut ledger, 1));
        assert!(matches!(ledger.end(id(1), here(), None), Ok(Some(_))));
        Ok(())
    }

    #[test]
    fn a_missing_end_is_noticed() -> Result {
        let mut ledger = Ledger::new()?;

        // When the range is known to be over.
        assert!(start(&mut ledger, 1));
        assert!(ledger.over(id(1)).is_some());
        assert!(ledger.over(id(1)).is_none());

        // When another has its id.
        assert!(start(&mut ledger, 1));
        assert!(!start(&mut ledger, 1));
        assert_eq!(ledger.count(), 1);
        assert!(matches!(end(&mut ledger, 1), Ok(Some(_))));
        Ok(())
    }

    #[test]
    fn what_is_not_noted_is_not_missed() -> Result {
        let mut ledger = Ledger::new()?;

        ledger.note_nothing();
        assert_eq!((ledger.count(), ledger.lost()), (1, 1));
        assert!(matches!(end(&mut ledger, 1), Ok(None)));
        assert_eq!((ledger.count(), ledger.lost()), (0, 1));
        assert!(matches!(end(&mut ledger, 1), Err(Mismatch::NotOpen)));
        Ok(())
    }

    #[test]
    fn after_the_release_anything_may_come() -> Result {
        let mut ledger = Ledger::new()?;

        assert!(start(&mut ledger, 1));
        assert!(start(&mut ledger, 2));
        ledger.note_nothing();
        assert_eq!(ledger.release().len(), 2);
        assert_eq!(ledger.count(), 0);

        assert!(matches!(end(&mut ledger, 1), Ok(None)));
        assert!(start(&mut ledger, 3));
        assert!(start(&mut ledger, 3));
        assert!(matches!(end(&mut ledger, 4), Ok(None)));
        assert_eq!(ledger.count(), 0);
        assert!(ledger.release().is_empty());
        Ok(())
    }

    #[test]
    fn a_reader_sees_each_once() -> Result {
        let mut ledger = Ledger::new()?;
        let mut seen = 0;
        let mut after = None;

        for number in [5, 3, 9, 7] {
            assert!(start(&mut ledger, number));
        }
        while let Some(open) = ledger.next(after) {
            assert!(after.is_none_or(|after| open.id > after));
            after = Some(open.id);
            seen += 1;

            // One that is there all the time is seen though others go.
            if seen == 2 {
                assert!(matches!(end(&mut ledger, 3), Ok(Some(_))));
                assert!(matches!(end(&mut ledger, 5), Ok(Some(_))));
            }
        }
        assert_eq!(seen, 4);
        Ok(())
    }
}

#[kernel::macros::kunit_tests(mnck_sequence)]
mod sequence_tests {
    use crate::{
        check::{
            sequence::{
                Invalidation, //
                Sequence,
            },
            RangeInfo, //
        },
        mmu_notifier::{
            Event,
            RangeId, //
        },
    };

    const MM: usize = 1;

    /// Range number `id` of `event`, which may sleep unless it is a `Clear`.
    fn invalidation(id: usize, event: Event, sequence: usize) -> Invalidation {
        Invalidation {
            id: RangeId::new(id),
            mm: MM,
            range: RangeInfo {
                start: 0x1000,
                end: 0x3000,
                event,
                blockable: event != Event::Clear,
            },
            sequence,
        }
    }

    /// A subscriber that was told of range 1, marked by 3, which was then refused.
    fn refused() -> Sequence {
        let mut sequence = Sequence::default();
        let first = invalidation(1, Event::Clear, 3);

        assert!(sequence.invalidated(first).is_none());
        sequence.refuse(first.id, MM, first.range, (c"trylock", 7));
        sequence
    }

    #[test]
    fn stuck_at_release() {
        let mut sequence = refused();

        assert!(sequence
            .invalidated(invalidation(2, Event::Clear, 3))
            .is_none());
        assert!(sequence
            .invalidated(invalidation(3, Event::Unmap, 3))
            .is_none());
        let stuck = sequence.invalidated(invalidation(4, Event::Release, 3));
        assert!(stuck
            .is_some_and(|(since, (_, serial))| { since.id == RangeId::new(1) && serial == 7 }));
    }

    #[test]
    fn moved_on() {
        assert!(refused()
            .invalidated(invalidation(4, Event::Release, 5))
            .is_none());

        // What is refused first is forgotten when it moves.
        let mut sequence = refused();
        assert!(sequence
            .invalidated(invalidation(2, Event::Clear, 5))
            .is_none());
        assert!(sequence
            .invalidated(invalidation(4, Event::Release, 5))
            .is_none());
    }

    #[test]
    fn another_was_refused() {
        let mut sequence = Sequence::default();
        let first = invalidation(1, Event::Clear, 3);

        assert!(sequence.invalidated(first).is_none());
        sequence.refuse(RangeId::new(2), MM, first.range, (c"trylock", 7));
        sequence.refuse(first.id, MM + 1, first.range, (c"trylock", 7));
        assert!(sequence
            .invalidated(invalidation(4, Event::Release, 3))
            .is_none());
    }
}
