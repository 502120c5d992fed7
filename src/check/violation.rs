// SPDX-License-Identifier: GPL-2.0

//! A rule, broken.

use kernel::{
    fmt,
    task::Pid, //
};

use super::{
    ledger::Recorded,
    Rule,
    Watched, //
};
use crate::event::Range;

/// A rule, broken; or a callback that took longer than a user wants to know of.
pub(crate) struct Violation<'a> {
    pub(crate) rule: Rule,
    /// The subscriber that broke it.
    pub(crate) subscriber: &'a Watched,
    /// What it did.
    pub(crate) what: fmt::Arguments<'a>,
    /// In which range, if that is known.
    pub(crate) range: Option<Range>,
    /// In which call. `None` is the callback that the current task runs.
    pub(crate) by: Option<&'a Recorded>,
    /// In which process.
    pub(crate) process: Process,
    /// How long the callback took, in ns, for rule `latency`.
    pub(crate) took_ns: Option<u64>,
    /// Whether the rule was broken. If not, the callback was slow only for a program that has asked for
    /// slow ones.
    pub(crate) is_broken: bool,
    /// Whether it is the first of this subscriber and rule.
    pub(crate) first: bool,
}

/// The process that a violation concerns.
#[derive(Clone, Copy, Default)]
pub(crate) struct Process {
    /// Its mm, by the address, or 0 if that is not known. Only compared.
    pub(crate) mm: usize,
    /// Its id in the initial pid namespace, if that is known.
    pub(crate) pid: Option<Pid>,
}

impl<'a> Violation<'a> {
    /// Returns that `subscriber` broke `rule` with `what` it did, in the callback that the current task
    /// runs.
    pub(super) fn new(rule: Rule, subscriber: &'a Watched, what: fmt::Arguments<'a>) -> Self {
        Self {
            rule,
            subscriber,
            what,
            range: None,
            by: None,
            process: Process {
                mm: subscriber.mm(),
                pid: subscriber.target(),
            },
            took_ns: None,
            is_broken: true,
            first: false,
        }
    }

    /// Adds the call in which that was, in the process `pid` if it is known.
    pub(super) fn in_call(self, by: &'a Recorded, pid: Option<Pid>) -> Self {
        Self {
            range: by.call.range,
            by: Some(by),
            process: Process {
                mm: by.call.mm,
                pid: pid.or(self.process.pid),
            },
            ..self
        }
    }
}

/// Reports a violation, in any context in which a callback may be called. Returns the time that this
/// took, in ns.
pub(crate) type Sink = fn(&Violation<'_>) -> u64;
