// SPDX-License-Identifier: GPL-2.0

//! The ledger on the kernel's own atomics, in the current task. The rest of its tests are on the
//! host: `selftests/engine`.

#[kernel::macros::kunit_tests(mnck_check)]
mod tests {
    use core::cell::Cell;

    use kernel::prelude::*;

    use crate::{
        check::ledger::{
            Ledger,
            Mismatch,
            Phase,
            Slot, //
        },
        event::{
            Activity,
            Call,
            Callback,
            Kind,
            Range,
            Tasks, //
        },
        ffi::AllTasks, //
    };

    fn ledger() -> Result<Ledger<KVec<Slot>>> {
        let mut slots = KVec::new();

        for _ in 0..4 {
            slots.push(Slot::new(), GFP_KERNEL)?;
        }
        Ok(Ledger::new(slots))
    }

    fn call(callback: Callback, address: usize) -> Call {
        Call {
            subscriber: 7,
            activity: Activity::Callback(callback),
            mm: 1,
            range: Some(Range {
                address,
                start: 0x1000,
                end: 0x3000,
                kind: Kind(0),
                blockable: true,
            }),
            initiator: 0,
        }
    }

    #[test]
    fn a_pair_is_closed() -> Result {
        let ledger = ledger()?;
        let start = call(Callback::Start, 0x100);
        let end = call(Callback::End, 0x100);
        let mut mismatch = None;
        let leaks = Cell::new(false);

        let token = ledger.begin(&start, |_| leaks.set(true));
        let (_, running) = ledger.next(0).ok_or(EINVAL)?;
        assert!(running.phase == Phase::Running && running.call == start);
        assert_eq!(running.task.pid, current!().pid());

        ledger.finish(token, 7, true);
        assert!(ledger
            .next(0)
            .is_some_and(|(_, open)| open.phase == Phase::Open));
        let token = ledger.begin_end(&end, |found| mismatch = Some(*found));
        assert!(mismatch.is_none());
        ledger.finish(token, 7, false);
        assert!(ledger.next(0).is_none());

        let token = ledger.begin_end(&end, |found| mismatch = Some(*found));
        assert!(mismatch == Some(Mismatch::NotOpen));
        ledger.finish(token, 7, false);
        assert!(!leaks.get());
        assert_eq!(ledger.lost(), 0);
        Ok(())
    }

    #[test]
    fn a_leak_is_found_at_release() -> Result {
        let ledger = ledger()?;
        let start = call(Callback::Start, 0x100);
        let mut leaks = 0;

        let token = ledger.begin(&start, |_| ());
        ledger.finish(token, 7, true);
        ledger.close(7, false, &AllTasks, |_| leaks += 1);
        assert_eq!(leaks, 1);
        assert!(ledger.next(0).is_none());
        Ok(())
    }

    #[test]
    fn the_current_task_has_not_exited() -> Result {
        let ledger = ledger()?;
        let start = call(Callback::Start, 0x100);

        let token = ledger.begin(&start, |_| ());
        let (_, running) = ledger.next(0).ok_or(EINVAL)?;
        assert!(!AllTasks.has_exited(&running.task));

        let mut earlier = running.task;
        earlier.key = earlier.key.wrapping_add(1);
        assert!(AllTasks.has_exited(&earlier));
        assert!(!AllTasks.has_left_function(&running.task, 0x100, 0));
        ledger.finish(token, 7, false);
        Ok(())
    }
}
