// SPDX-License-Identifier: GPL-2.0

//! What subscribers are told, as tracepoints.

use kernel::prelude::*;

use crate::{
    check::{
        Callback,
        Span, //
    },
    ffi::trace, //
};

/// A callback of the subscriber `who` begins, of `span` if it is told a range.
#[inline]
pub(crate) fn called(who: (&CStr, u64), callback: Callback, span: Option<Span>) {
    match (callback, span) {
        (Callback::Start | Callback::Invalidate | Callback::ChainStart, Some(span)) => {
            trace::start(|| call(who, span));
        }
        (Callback::End | Callback::Finish | Callback::ChainEnd, Some(span)) => {
            trace::end(|| call(who, span));
        }
        (Callback::Release, _) => trace::release(who),
        (Callback::Flush, _) => trace::flush(who),
        (Callback::Young, _) => trace::young(who),
        // An end of which the range is not known.
        (_, None) => (),
    }
}

/// The subscriber `who` refuses the range of `span`.
#[inline]
pub(crate) fn refused(who: (&CStr, u64), span: Span) {
    trace::refused(|| call(who, span));
}

fn call((kind, serial): (&CStr, u64), span: Span) -> trace::Call<'_> {
    let Span {
        start,
        end,
        event,
        blockable,
    } = span;

    (kind, serial, start, end, event.as_raw(), blockable)
}
