// SPDX-License-Identifier: GPL-2.0

//! mnck: fsck for MMU notifiers.
//!
//! The rooms, and the way of the data between them:
//!
//! ```text
//! core mm ──► mmu_notifier ──► chain ──► subscriber ──► device ──► user space
//!             (trampolines)  (unwinding) (who listens)  (who asks)
//!                                             │
//!                                             └────────► check ───► report ──► user space
//!                                                        (rules)    (WARN, debugfs)
//! ```
//!
//! Most subscribers stand in no chain, and are called by `mmu_notifier` itself.
//!
//! [`ffi`] is the border to C, beside them all.
//!
//! Subscribers belong to open files, and an open file keeps the module loaded; so does a shared
//! subscriber that was detached and is yet to be freed. So on unload there are none, and nobody who
//! could attach one. The device goes first, then the domain of the shared subscribers, and then, with
//! nobody left to check, what is told of the checks, and they themselves.

use kernel::{
    miscdevice::{
        MiscDeviceOptions,
        MiscDeviceRegistration, //
    },
    prelude::*, //
};

mod chain;
mod check;
mod device;
mod ffi;
pub mod mmu_notifier;
mod report;
mod model;

module! {
    type: Mnck,
    name: "mnck",
    authors: ["The mnck developers"],
    description: "fsck for MMU notifiers",
    license: "GPL v2",
    params: {
        max_subscribers: u32 {
            default: 1024,
            description: "How many subscribers one session may attach",
        },
        wait_limit_ms: u32 {
            default: 10_000,
            description: "How long a subscriber waits for a user, in ms",
        },
        latency_limit_ms: u32 {
            default: 0,
            description: "How long a callback may take, in ms; 0 for no limit",
        },
        probes: u32 {
            default: 0,
            description: "Whether to see who might sleep too, at the cost of every lock of the kernel",
        },
        chain_slots: u32 {
            default: 32,
            description: "How many open ranges a chain has memory for from the start",
        },
    },
}

// Dropped in this order.
#[pin_data]
struct Mnck {
    #[pin]
    _device: MiscDeviceRegistration<device::Session>,
    _shared: model::SharedDomain,
    _tables: report::Tables,
    _checks: check::Checks,
    _probes: Option<ffi::Probes>,
}

impl kernel::InPlaceModule for Mnck {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _probes: (module_parameters::probes.value() != 0).then(ffi::Probes::new),
            _checks: check::Checks::new()?,
            _tables: report::Tables::new()?,
            _shared: model::SharedDomain::new()?,
            // Last: once registered it can be opened.
            _device <- MiscDeviceRegistration::register(MiscDeviceOptions { name: c"mnck" }),
        })
    }
}
