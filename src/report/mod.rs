// SPDX-License-Identifier: GPL-2.0

//! What the user is told of the [`check`](crate::check)s.
//!
//! The first time that a subscriber breaks a rule there is a WARN of one line, which CI can catch.
//! All violations are events of a tracepoint and are counted, and for each rule and subscriber
//! `/sys/kernel/debug/mnck/violations` has the first and the last. A program that watches processes reads
//! a record of each violation that concerns these: [`OpenRecording`].

mod journal;
pub(crate) use journal::JournalOwner;

#[cfg(mnck_kunit)]
mod kunit;

mod line;

mod record;
pub(crate) use record::text as record_text;

mod recording;
pub(crate) use recording::{
    OpenRecording,
    RecordingsOwner, //
};

mod tables;
pub(crate) use tables::Tables;

mod text;

use kernel::time::{
    Instant,
    Monotonic, //
};

use self::{
    journal::Journal,
    line::{
        caller,
        line,
        Caller, //
    },
    record::{
        of_registration,
        of_violation, //
    },
    recording::Recordings, //
};
use crate::{
    check::{
        Registry,
        Violation, //
    },
    event::Registration,
    ffi::{
        trace::violation as trace_violation,
        warn, //
    }, //
};

/// Reports a violation in the current task, which may be in any callback. Returns the time that this
/// took, in ns.
pub(crate) fn violation(violation: &Violation<'_>) -> u64 {
    let begin = Instant::<Monotonic>::now();
    let caller = caller(violation);

    if violation.is_broken {
        let line = line(violation, caller.as_ref());

        trace_violation(line.as_c_str());
        if let Some(journal) = Journal::get() {
            let subscriber = violation.subscriber.name();

            journal.with(|pages| pages.add(violation.rule, subscriber, &line));
        }
        if violation.first {
            warn(line.as_c_str());
        }
    }
    record_violation(violation, caller.as_ref());
    u64::try_from(begin.elapsed().as_nanos()).unwrap_or(0)
}

/// Adds a violation to the recordings that it concerns.
#[inline(never)]
fn record_violation(violation: &Violation<'_>, caller: Option<&Caller>) {
    let mm = violation.process.mm;

    if is_followed(mm) {
        Recordings::add(mm, &of_violation(violation, caller), |recording| {
            violation.is_broken || recording.wants(violation.took_ns.unwrap_or(0))
        });
    }
}

/// Adds a registration to the recordings that it concerns.
pub(crate) fn registration(registration: &Registration) {
    if is_followed(registration.mm) {
        Recordings::add(registration.mm, &of_registration(registration), |_| true);
    }
}

/// Returns whether a user follows the process with this `mm`.
fn is_followed(mm: usize) -> bool {
    Registry::get().is_some_and(|registry| !registry.followed().of(mm).is_empty())
}
