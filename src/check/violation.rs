// SPDX-License-Identifier: GPL-2.0

//! A rule, broken.

use kernel::fmt;

use super::{
    RangeInfo,
    Rule,
    Watched, //
};

/// A rule, broken in the current task.
pub(crate) struct Violation<'a> {
    pub(crate) rule: Rule,
    /// By whom.
    pub(crate) subscriber: &'a Watched,
    /// What it did.
    pub(crate) what: fmt::Arguments<'a>,
    /// In which range, if that is known.
    pub(crate) range: Option<RangeInfo>,
    /// Whether it is the first of this subscriber and rule.
    pub(crate) first: bool,
}
