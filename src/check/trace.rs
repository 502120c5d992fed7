// SPDX-License-Identifier: GPL-2.0

//! The calls of callbacks, as tracepoints.

use kernel::prelude::*;

use crate::{
    event::{
        Callback,
        Range, //
    },
    ffi::trace, //
};

/// Traces that a callback of a subscriber begins, for `range` if it has one. If it has one,
/// `subscriber` is called only if that is traced.
#[inline(always)]
pub(crate) fn called<'a>(
    subscriber: impl Fn() -> (&'a CStr, u64),
    callback: Callback,
    range: Option<Range>,
) {
    match (callback, range) {
        (Callback::Start | Callback::Invalidate | Callback::ChainStart, Some(range)) => {
            trace::start(|| call(subscriber(), range));
        }
        (Callback::End | Callback::Finish | Callback::ChainEnd, Some(range)) => {
            trace::end(|| call(subscriber(), range));
        }
        (Callback::Release, _) => trace::release(subscriber()),
        (Callback::Flush, _) => trace::flush(subscriber()),
        (Callback::Young, _) => trace::young(subscriber()),
        // An end of which the range is not known.
        (_, None) => (),
    }
}

/// Traces that `subscriber` refuses `range`.
#[inline]
pub(crate) fn refused(subscriber: (&CStr, u64), range: Range) {
    trace::refused(|| call(subscriber, range));
}

fn call((kind, serial): (&CStr, u64), range: Range) -> trace::Call<'_> {
    (
        kind,
        serial,
        range.start,
        range.end,
        range.kind.0,
        range.blockable,
    )
}
