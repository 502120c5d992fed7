// SPDX-License-Identifier: GPL-2.0

//! Tests of what needs no address space: the account of pairs, and the ends that undo a refusal.

#[kernel::macros::kunit_tests(mnck_chain)]
mod tests {
    use core::pin::Pin;

    use kernel::{
        mm::Mm,
        new_spinlock,
        prelude::*,
        sync::{
            Arc,
            SpinLock, //
        }, //
    };

    use crate::{
        chain::{
            member::{
                Member,
                Typed, //
            },
            members::Members,
            pairs::{
                Begun,
                Pairs, //
            },
            Ending,
            Subscriber, //
        },
        mmu_notifier::{
            CallbackContext,
            HandMade,
            Range,
            WouldBlock, //
        },
    };

    /// The callbacks that were called, each as a hexadecimal digit, the last call last.
    #[pin_data]
    struct Notes {
        #[pin]
        digits: SpinLock<u64>,
    }

    impl Notes {
        fn none() -> Result<Arc<Self>> {
            Arc::pin_init(
                pin_init!(Self {
                    digits <- new_spinlock!(0),
                }),
                GFP_KERNEL,
            )
        }

        fn note(&self, digit: u64) {
            let mut digits = self.digits.lock();

            *digits = (*digits << 4) | digit;
        }

        /// Returns the digits that were noted since the previous call.
        fn seen(&self) -> u64 {
            core::mem::take(&mut *self.digits.lock())
        }
    }

    // The digits of member 0; those of member n are n more.
    const START: u64 = 0x1;
    const GONE: u64 = 0x4;
    const END: u64 = 0x7;
    const RELEASE: u64 = 0xa;

    /// A subscriber that notes its callbacks, and may refuse.
    struct Noting {
        notes: Arc<Notes>,
        number: u64,
        refuses: bool,
    }

    impl Subscriber for Noting {
        type Value = u64;

        fn start<'c>(
            self: Pin<&Self>,
            range: &Range,
            context: CallbackContext<'c>,
        ) -> Result<u64, WouldBlock<'c>> {
            self.notes.note(START + self.number);
            match context {
                CallbackContext::NonBlockable(context) if self.refuses => {
                    Err(context.would_block())
                }
                _ => Ok(range.start() as u64 + self.number),
            }
        }

        fn end(self: Pin<&Self>, value: u64, ending: Ending<'_>) {
            let call = match ending {
                Ending::Range(range, _) if range.start() as u64 + self.number == value => END,
                Ending::Range(..) => 0,
                Ending::Gone => GONE,
            };

            self.notes.note(call + self.number);
        }

        fn release(self: Pin<&Self>, _mm: &Mm) {
            self.notes.note(RELEASE + self.number);
        }
    }

    fn pairs<V>(reserved: usize) -> Result<Arc<Pairs<V>>> {
        Arc::try_pin_init(Pairs::new(reserved), GFP_KERNEL)
    }

    /// Returns three members: member n refuses if bit n of `refuse` is set.
    fn three(notes: &Arc<Notes>, refuse: u64) -> Result<Members> {
        let mut members = Members::none();

        for number in 0..3 {
            let subscriber = Noting {
                notes: notes.clone(),
                number,
                refuses: refuse >> number & 1 != 0,
            };

            members = members.with(Typed::new(subscriber, 1)?)?;
        }
        Ok(members)
    }

    /// Starts a range for all members, and returns whether none has refused.
    fn start(members: &Members, made: &HandMade) -> bool {
        made.call(|range, context| members.start(range, context).is_ok())
    }

    fn end(members: &Members, made: &HandMade) {
        made.call(|range, context| members.end(range, context));
    }

    fn begin<V>(pairs: &Pairs<V>, made: &HandMade) -> bool {
        made.call(|range, context| {
            pairs
                .begin(range, &context)
                .is_ok_and(|b| b == Begun::Begun)
        })
    }

    #[test]
    fn end_takes_what_start_left() -> Result {
        let (outer, inner) = (HandMade::new(true)?, HandMade::new(false)?);
        let pairs = pairs::<u32>(2)?;

        assert!(begin(&pairs, &outer));
        assert!(begin(&pairs, &inner));
        assert_eq!(pairs.started(outer.range(), 1), Ok(()));
        assert_eq!(pairs.started(inner.range(), 2), Ok(()));
        assert_eq!(pairs.take(outer.range()), Some(1));
        assert!(!pairs.has(outer.range()));
        assert!(pairs.has(inner.range()));
        assert_eq!(pairs.take(inner.range()), Some(2));
        assert_eq!(pairs.take(inner.range()), None);
        Ok(())
    }

    #[test]
    fn refused_start_leaves_nothing() -> Result {
        let made = HandMade::new(false)?;
        let pairs = pairs::<u32>(1)?;

        assert!(begin(&pairs, &made));
        assert!(pairs.take_refused(made.range()));
        assert!(!pairs.has(made.range()));
        assert!(!pairs.take_refused(made.range()));
        Ok(())
    }

    #[test]
    fn success_is_no_refusal() -> Result {
        let made = HandMade::new(false)?;
        let pairs = pairs::<u32>(1)?;

        assert!(begin(&pairs, &made));
        assert_eq!(pairs.started(made.range(), 1), Ok(()));
        assert!(!pairs.take_refused(made.range()));
        assert_eq!(pairs.take(made.range()), Some(1));
        Ok(())
    }

    #[test]
    fn more_pairs_than_reserved() -> Result {
        let pairs = pairs::<usize>(0)?;
        let mut ranges = KVec::new();

        for i in 0..100 {
            ranges.push(HandMade::new(i % 2 == 0)?, GFP_KERNEL)?;
        }
        for (i, made) in ranges.iter().enumerate() {
            assert!(begin(&pairs, made));
            assert_eq!(pairs.started(made.range(), i), Ok(()));
        }
        for (i, made) in ranges.iter().enumerate() {
            assert_eq!(pairs.take(made.range()), Some(i));
        }
        Ok(())
    }

    #[test]
    fn lost_end_spoils_no_other() -> Result {
        let made = HandMade::new(true)?;
        let pairs = pairs::<u32>(2)?;

        for value in [1, 2] {
            assert!(begin(&pairs, &made));
            assert_eq!(pairs.started(made.range(), value), Ok(()));
        }
        assert_eq!(pairs.take(made.range()), Some(2));
        assert!(pairs.close().is_some_and(|open| open.eq([1])));
        Ok(())
    }

    #[test]
    fn closing_gives_back_what_is_open() -> Result {
        let (open, running, late) = (
            HandMade::new(true)?,
            HandMade::new(true)?,
            HandMade::new(true)?,
        );
        let pairs = pairs::<u32>(2)?;

        assert!(begin(&pairs, &open));
        assert_eq!(pairs.started(open.range(), 1), Ok(()));
        assert!(begin(&pairs, &running));
        assert!(pairs.close().is_some_and(|open| open.eq([1])));

        // A start that was running, an end of a pair that was open, and a start after the close.
        assert_eq!(pairs.started(running.range(), 2), Err(2));
        assert_eq!(pairs.take(open.range()), None);
        assert!(!begin(&pairs, &late));
        assert!(pairs.close().is_none());
        Ok(())
    }

    #[test]
    fn earlier_ranges_are_known() -> Result {
        let (early, late) = (HandMade::new(true)?, HandMade::new(true)?);
        let pairs = pairs::<()>(2)?;

        assert!(begin(&pairs, &early));
        let begun = pairs.open().lock().begun();
        assert!(begin(&pairs, &late));
        assert!(pairs.open().lock().has_one_of_first(begun));
        pairs.take(early.range());
        assert!(!pairs.open().lock().has_one_of_first(begun));
        Ok(())
    }

    #[test]
    fn ends_come_in_reverse() -> Result {
        let notes = Notes::none()?;
        let members = three(&notes, 0b111)?;
        // A blockable range: no member can refuse it.
        let made = HandMade::new(true)?;

        assert!(start(&members, &made));
        assert_eq!(notes.seen(), 0x123);
        end(&members, &made);
        assert_eq!(notes.seen(), 0x987);
        end(&members, &made);
        assert_eq!(notes.seen(), 0);
        Ok(())
    }

    #[test]
    fn a_refusal_ends_what_was_started() -> Result {
        for (refuse, seen) in [
            (0b001, 0x1),
            (0b010, 0x127),
            (0b100, 0x12387),
            (0b110, 0x127),
        ] {
            let notes = Notes::none()?;
            let members = three(&notes, refuse)?;
            let made = HandMade::new(false)?;

            assert!(!start(&members, &made));
            assert_eq!(notes.seen(), seen);
            // As the core does after a refusal for all that have an end.
            end(&members, &made);
            assert_eq!(notes.seen(), 0);
        }
        Ok(())
    }

    #[test]
    fn refused_range_is_over() -> Result {
        let made = HandMade::new(false)?;
        let member = Typed::new(
            Noting {
                notes: Notes::none()?,
                number: 0,
                refuses: true,
            },
            1,
        )?;

        assert!(!start(&Members::none().with(member.clone())?, &made));
        assert!(!member.pairs().has(made.range()));
        Ok(())
    }

    #[test]
    fn released_members_are_ended_once() -> Result {
        let notes = Notes::none()?;
        let members = three(&notes, 0)?;
        let (open, late) = (HandMade::new(true)?, HandMade::new(true)?);

        assert!(start(&members, &open));
        assert_eq!(notes.seen(), 0x123);
        members.close(open.range().mm());
        assert_eq!(notes.seen(), 0xc6b5a4);

        // After the release no callback is called.
        members.close(open.range().mm());
        end(&members, &open);
        assert!(start(&members, &late));
        assert_eq!(notes.seen(), 0);
        Ok(())
    }

    #[test]
    fn who_has_left_is_not_called() -> Result {
        let notes = Notes::none()?;
        let members = three(&notes, 0)?;
        let fourth: Arc<dyn Member> = Typed::new(
            Noting {
                notes: notes.clone(),
                number: 0,
                refuses: false,
            },
            1,
        )?;
        let made = HandMade::new(true)?;

        let more = members.with(fourth.clone())?;
        assert_eq!(more.len(), 4);
        let less = more.without(&fourth)?;
        assert_eq!(less.len(), 3);
        assert!(start(&less, &made));
        assert_eq!(notes.seen(), 0x123);
        Ok(())
    }
}
