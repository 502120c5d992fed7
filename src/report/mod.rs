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

use kernel::time::{
    Instant,
    Monotonic, //
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

/// Reports a violation in the current task, which may be in any callback. Returns the time that this
/// took, in ns.
pub(crate) fn violation(violation: &Violation<'_>) -> u64 {
    let begin = Instant::<Monotonic>::now();
    let line = line(violation);

    trace_violation(line.as_c_str());
    if let Some(journal) = Journal::get() {
        journal.add(&line);
    }
    if violation.first {
        warn(line.as_c_str());
    }
    u64::try_from(begin.elapsed().as_nanos()).unwrap_or(0)
}
