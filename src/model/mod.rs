// SPDX-License-Identifier: GPL-2.0

//! The model subscribers, a file for each kind, named for what it models.
//!
//! Each kind is a short example of one duty of a subscriber. Beside doing what it models, it counts
//! its callbacks in [`Statistics`](statistics::Statistics).
//!
//! [`attached`] is the table of all kinds, and what [`device`](crate::device) uses. The kinds do
//! not use each other, with one exception: `shared` uses `counter`. These files have what the kinds
//! share:
//!
//! | file | what is in it |
//! |---|---|
//! | `statistics` | what a subscriber counts, and its checks |
//! | `chain_member` | how a member of a chain counts and checks its pairs |
//! | `place`, `destination` | how a subscriber is registered, or joins a chain |
//! | `pages` | a value for each page |
//! | `wait_limit` | how long callbacks wait for user space |
//! | `gate` | where a call on a subscriber waits for user space |

mod aging;

mod attached;
pub(crate) use attached::Attached;

mod chain_device;

mod chain_member;

mod counter;

mod destination;

mod gate;

#[cfg(mnck_kunit)]
mod kunit;

mod mirror;

mod pages;

mod place;
pub(crate) use place::Place;

mod secondary_tlb;

mod shared;
pub(crate) use shared::SharedDomain;

mod statistics;

mod trylock;

mod two_pass;

mod wait_limit;
pub(crate) use wait_limit::WaitRecord;
