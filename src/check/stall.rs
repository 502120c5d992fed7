// SPDX-License-Identifier: GPL-2.0

//! Rule `stall`: which tasks wait for a callback that does not return.

use crate::event::{
    Activity,
    Call,
    Callback,
    Wait, //
};

/// Returns whether `waiter` waits for `callback` to return.
///
/// - `mmu_notifier_unregister()` waits for all callbacks of subscribers to whole address spaces, of
///   any mm: they share one SRCU, in `mm/mmu_notifier.c`.
/// - `mmu_interval_notifier_remove()` and `mmu_interval_read_begin()` wait until no range of their
///   own mm is open for intervals. It is from before the first start to before the first end: the
///   core ends the interval side first.
pub(crate) fn waits_for(waiter: &Call, callback: &Call) -> bool {
    let (Activity::Wait(wait), Some(callback_kind)) = (waiter.activity, callback.callback()) else {
        return false;
    };

    match wait {
        Wait::Unregister => callback_kind.is_under_srcu(),
        Wait::Remove | Wait::ReadBegin => {
            callback.mm == waiter.mm
                && matches!(
                    callback_kind,
                    Callback::Start
                        | Callback::ChainStart
                        | Callback::Invalidate
                        | Callback::Finish
                )
        }
    }
}
