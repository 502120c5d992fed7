// SPDX-License-Identifier: GPL-2.0

//! The rules of the notifier discipline, and which subscribers break them.
//!
//! | | |
//! |---|---|
//! | [`ledger`] | the open ranges and the callbacks under way; rule `pairing` |
//! | `stall` | which tasks wait for a callback that does not return |
//! | `sequence`, `callback`, `scope` | the other rules |
//! | `watch`, `registry` | the subscribers under check: what a user may read of them |
//!
//! Each subscriber that is to be checked has a [`Watch`]. The subscriber tells it of each call of a
//! callback ([`Watch::enter`] and its neighbours). What breaks a [`Rule`] is counted, and given to
//! the [`Sink`] that the module has set.
//!
//! The ledger and what needs only the ledger also compile on the host, with `cfg(mnck_host)`, where
//! loom and proptest test them: see `selftests/engine`.
//!
//! The locks of this folder are innermost: no other lock of this module is taken under one.
//! Callbacks take them, perhaps under the lock of a page table; no interrupt does, so they are plain
//! spin locks.

pub(crate) mod callback;

#[cfg(mnck_kunit)]
mod kunit;

#[cfg(not(mnck_host))]
mod later;

pub(crate) mod ledger;

mod stall;
pub(crate) use stall::waits_for;

#[cfg(not(mnck_host))]
mod followed;
#[cfg(not(mnck_host))]
pub(crate) use followed::{
    Followed,
    Followee,
    Followers,
    FOLLOWERS, //
};

#[cfg(not(mnck_host))]
mod name;
#[cfg(not(mnck_host))]
pub(crate) use name::Name;

#[cfg(not(mnck_host))]
mod registry;
#[cfg(not(mnck_host))]
pub(crate) use registry::{
    Calls,
    Checks,
    Registry, //
};

mod rule;
pub(crate) use rule::Rule;

#[cfg(not(mnck_host))]
mod scope;
#[cfg(not(mnck_host))]
pub(crate) use scope::Scope;

pub(crate) mod sequence;

#[cfg(not(mnck_host))]
mod trace;

#[cfg(not(mnck_host))]
mod violation;
#[cfg(not(mnck_host))]
pub(crate) use violation::{
    Process,
    Violation, //
};

#[cfg(not(mnck_host))]
mod watch;
#[cfg(not(mnck_host))]
pub(crate) use watch::{
    State,
    Watch,
    Watched, //
};
