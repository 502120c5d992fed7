// SPDX-License-Identifier: GPL-2.0

//! A rule, broken.

use kernel::{
    fmt,
    prelude::*, //
};

use super::{
    Place,
    Rule, //
};

/// A rule, broken in the current task.
pub(crate) struct Violation<'a> {
    pub(crate) rule: Rule,
    /// The kind of subscriber, and its number among those.
    pub(crate) who: (&'a CStr, u64),
    /// What it did.
    pub(crate) what: fmt::Arguments<'a>,
    /// In which range, if that is known.
    pub(crate) place: Option<Place>,
    /// Whether it is the first of this subscriber and rule.
    pub(crate) first: bool,
}
