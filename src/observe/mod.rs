// SPDX-License-Identifier: GPL-2.0

//! The subscriptions of all drivers of the machine, whoever has registered them, and when.

mod registered;
pub(crate) use registered::Registered;
