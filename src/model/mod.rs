// SPDX-License-Identifier: GPL-2.0

//! The model subscribers, named for what they model, and what a session can do with any of them.
//!
//! Each is an example of one flavour, as short as that can be; beside what it models it counts what
//! it sees, in its [`Statistics`](statistics::Statistics).

use kernel::time::Msecs;

use crate::module_parameters;

mod aging;

mod attached;
pub(crate) use attached::{
    Attached,
    Place, //
};

mod chained;

mod counter;

mod driver;

mod faulty;
pub(crate) use faulty::Fault;

mod interval_driver;

mod mirror;

mod pages;

mod secondary_tlb;

mod shared;
pub(crate) use shared::SharedDomain;

mod statistics;
use statistics::Statistics;

mod trylock;

mod two_pass;

/// How long a subscriber waits for a user, in ms.
///
/// A driver's lock is held by a driver, which lets go of it. Here a user holds it, who may not, or
/// cannot: the holder's exit may wait for the very callback that waits for the lock, since the mm
/// goes before the files and each release waits for every callback. Kernel threads wait here too,
/// and nobody can kill them.
fn wait_limit() -> Msecs {
    module_parameters::wait_limit_ms.value()
}
