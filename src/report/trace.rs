// SPDX-License-Identifier: GPL-2.0

//! What subscribers are told, as tracepoints.

use kernel::prelude::*;

use crate::{
    check::{
        Callback,
        RangeInfo, //
    },
    ffi::trace, //
};

/// Traces that a callback of `subscriber` begins, for `range` if it has one.
#[inline]
pub(crate) fn called(subscriber: (&CStr, u64), callback: Callback, range: Option<RangeInfo>) {
    match (callback, range) {
        (Callback::Start | Callback::Invalidate | Callback::ChainStart, Some(range)) => {
            trace::start(|| call(subscriber, range));
        }
        (Callback::End | Callback::Finish | Callback::ChainEnd, Some(range)) => {
            trace::end(|| call(subscriber, range));
        }
        (Callback::Release, _) => trace::release(subscriber),
        (Callback::Flush, _) => trace::flush(subscriber),
        (Callback::Young, _) => trace::young(subscriber),
        // An end of which the range is not known.
        (_, None) => (),
    }
}

/// Traces that `subscriber` refuses `range`.
#[inline]
pub(crate) fn refused(subscriber: (&CStr, u64), range: RangeInfo) {
    trace::refused(|| call(subscriber, range));
}

fn call((kind, serial): (&CStr, u64), range: RangeInfo) -> trace::Call<'_> {
    let RangeInfo {
        start,
        end,
        event,
        blockable,
    } = range;

    (kind, serial, start, end, event.as_raw(), blockable)
}
