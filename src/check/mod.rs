// SPDX-License-Identifier: GPL-2.0

//! The rules of the notifier discipline, and who breaks them.
//!
//! Each subscriber that is to be checked has a [`Watch`]. It tells it of each run of a callback
//! ([`Watch::enter`]) and of each pair that it opens and closes ([`Watch::started`] and its
//! neighbours); what breaks a [`Rule`] the watch counts, and hands on to [`report`](crate::report).
//!
//! Nothing here knows a subscriber: a watch has a name, and that is all.
//!
//! The locks of this room are innermost: under none of them another of this module is taken.
//! Callbacks take them, perhaps under the lock of a page table; no interrupt does, so they are plain
//! spin locks.

mod callback;
pub(crate) use callback::Callback;

mod failure;
pub(crate) use failure::Refused;

#[cfg(mnck_kunit)]
mod kunit;

mod ledger;
pub(crate) use ledger::Open;

mod registry;
pub(crate) use registry::{
    Checks,
    Registry, //
};

mod rule;
pub(crate) use rule::Rule;

mod scope;
pub(crate) use scope::Scope;

mod sequence;

mod range_info;
pub(crate) use range_info::RangeInfo;

mod violation;
pub(crate) use violation::Violation;

mod watch;
pub(crate) use watch::{
    State,
    Watch,
    Watched, //
};
