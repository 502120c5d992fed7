// SPDX-License-Identifier: GPL-2.0

//! Observes the MMU notifiers of all drivers of the machine.
//!
//! | | |
//! |---|---|
//! | `registered` | the list of all subscriptions |
//! | `registrations` | which driver has registered a subscription, and when |
//! | `watching` | turns the observation on and off: the parameter `watch` |
//! | `observed` | makes and drops the probes |
//! | `lifetime` | what a module leaves behind when it goes |
//! | `core_mm` | the probes on the core: each range of each process that has a subscriber |
//! | `refusals` | which subscriber has refused a range |
//! | `callbacks` | the probes on the callbacks of drivers |
//! | `live` | the subscriptions that were registered and not ended |
//! | `counts` | how often a callback was called, and how long it took |
//! | `summary` | what the follower of some processes is told of all callbacks |
//! | `tables` | the tables of callbacks that were found |
//! | `drivers` | the list of the callbacks that are probed |
//!
//! A probe sees a call and its return, and makes an event of them for [`check`](crate::check). It may
//! run under a raw lock and with preemption disabled, so what it finds is reported later, by a work
//! item. A call that no probe saw is never a violation: a range is followed only if its start was seen.
//!
//! The model subscribers are not probed: they report themselves.

mod callbacks;

mod core_mm;

mod counts;

mod drivers;
pub(crate) use drivers::Drivers;

mod known;

mod lifetime;

mod live;

mod observed;

mod refusals;

mod registered;
pub(crate) use registered::Registered;

mod registrations;

mod summary;
pub(crate) use summary::{
    callback_after,
    clear_counts,
    Callback,
    Unseen, //
};

mod tables;

mod watching;
pub(crate) use watching::{
    probe_ahead,
    Observation, //
};
