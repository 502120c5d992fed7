// SPDX-License-Identifier: GPL-2.0

//! What the user is told of the [`check`](crate::check)s.
//!
//! The first time that a subscriber breaks a rule there is a WARN of one line, which CI can catch.
//! All violations are events of a tracepoint and are counted, and for each rule and subscriber
//! `/sys/kernel/debug/mnck/violations` has the first and the last.

mod journal;
pub(crate) use journal::JournalOwner;

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
        let subscriber = violation.subscriber.name();

        journal.with(|pages| pages.add(violation.rule, subscriber, &line));
    }
    if violation.first {
        warn(line.as_c_str());
    }
    u64::try_from(begin.elapsed().as_nanos()).unwrap_or(0)
}
