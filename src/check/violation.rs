// SPDX-License-Identifier: GPL-2.0

//! A rule, broken.

use kernel::fmt;

use super::{
    ledger::Recorded,
    Rule,
    Watched, //
};
use crate::event::Range;

/// A rule, broken.
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
    /// Whether it is the first of this subscriber and rule.
    pub(crate) first: bool,
}

/// Reports a violation, in any context in which a callback may be called. Returns the time that this
/// took, in ns.
pub(crate) type Sink = fn(&Violation<'_>) -> u64;
