// SPDX-License-Identifier: GPL-2.0

//! What the user is told of the [`check`](crate::check)s.
//!
//! The first time that a subscriber breaks a rule there is a WARN of one line, which CI can catch.
//! All are counted, and the last are kept, for whoever reads `/sys/kernel/debug/mnck/`.

mod journal;

#[cfg(mnck_kunit)]
mod kunit;

mod line;

mod tables;
pub(crate) use tables::Tables;

mod text;

mod trace;
pub(crate) use trace::{
    called,
    refused, //
};

use self::{
    journal::Journal,
    line::line, //
};
use crate::{
    check::Violation,
    ffi::{
        trace::violation as trace_violation,
        warn, //
    }, //
};

/// Reports a violation in the current task, which may be in any callback.
pub(crate) fn violation(violation: &Violation<'_>) {
    let line = line(violation);

    trace_violation(line.as_c_str());
    if let Some(journal) = Journal::get() {
        journal.add(&line);
    }
    if violation.first {
        warn(line.as_c_str());
    }
}
