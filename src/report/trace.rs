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
    let Some(span) = span else { return };
    let call = || call(who, span);

    match callback {
        Callback::Start | Callback::Invalidate | Callback::ChainStart => trace::start(call),
        Callback::End | Callback::Finish | Callback::ChainEnd => trace::end(call),
        Callback::Release | Callback::Flush | Callback::Young => (),
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
