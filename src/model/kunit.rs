// SPDX-License-Identifier: GPL-2.0

//! What the models tell the checks.

#[kernel::macros::kunit_tests(mnck_model)]
mod tests {
    use kernel::{
        prelude::*,
        sync::Arc,
        time::{
            delay::fsleep,
            Delta, //
        }, //
    };

    use crate::{
        chain::Ending,
        check::{
            Rule,
            State, //
        },
        event,
        ffi::Current,
        model::{
            chain_member::ChainPair,
            statistics::{
                Counting,
                Statistics, //
            },
        },
    };

    /// Statistics of a subscriber that has broken rule `non-block` before, so that no warning comes.
    /// Its mm is none of a process: the task that runs the tests has no mm.
    fn statistics() -> Result<Arc<Statistics>> {
        let statistics = Statistics::at(c"kunit", 1)?;

        statistics.watch().count(Rule::NonBlock);
        Ok(statistics)
    }

    fn non_blockable() -> event::Range {
        event::Range {
            address: 0x100,
            start: 0x1000,
            end: 0x3000,
            kind: event::Kind(1),
            blockable: false,
        }
    }

    #[test]
    fn a_freed_subscriber_is_over() -> Result {
        let statistics = statistics()?;
        let counting = Counting::new(statistics.clone());

        assert!(statistics.watch().state() == State::Attached);
        drop(counting);
        assert!(statistics.watch().state() == State::Over);
        Ok(())
    }

    #[test]
    fn the_end_of_a_closed_pair_must_not_sleep() -> Result {
        let statistics = statistics()?;

        for slept in [false, true] {
            let before = statistics.watch().violations(Rule::NonBlock);
            let pair = ChainPair::of(non_blockable());
            let scope = pair.end(&Ending::Gone, &statistics);

            // On a slow machine a sleep may be over before it begins.
            let switches = Current::get().voluntary_switches();
            while slept && Current::get().voluntary_switches() == switches {
                fsleep(Delta::from_millis(1));
            }
            drop(scope);
            let after = statistics.watch().violations(Rule::NonBlock);
            assert_eq!(after.wrapping_sub(before), u64::from(slept));
        }
        Ok(())
    }
}
