// SPDX-License-Identifier: GPL-2.0

//! mnck: fsck for MMU notifiers.
//!
//! | folder | what is in it |
//! |---|---|
//! | [`mmu_notifier`] | the abstraction: registers subscribers with the core, and calls them in its callbacks |
//! | [`chain`] | a notifier chain whose members may refuse and have an end |
//! | [`model`] | the model subscribers, a file for each kind |
//! | [`device`] | `/dev/mnck`: its ioctls attach model subscribers to the process of a user |
//! | [`check`] | the rules: checks each callback of a model subscriber |
//! | [`report`] | the reports of violations: warnings, tracepoints and tables in debugfs |
//! | [`ffi`] | the border to C, used by all others |
//!
//! Callbacks go from left to right, and so does what mnck finds out about them:
//!
//! ```text
//! core mm ──► mmu_notifier ──┬───────────► model ──► device ──► user space
//!                            └──► chain ────┘│
//!                                            └─────► check ───► report ──► user space
//! ```
//!
//! The statistics of a subscriber reach user space by an ioctl on the device; violations reach it
//! by the log and debugfs.
//!
//! # Unloading
//!
//! Subscribers belong to open files of the device, and an open file keeps the module loaded. A
//! shared subscriber that was detached and is not yet freed also keeps the module loaded. So there
//! are no subscribers when the module is unloaded. First the device is removed, so that no process
//! can attach a subscriber; then the domain of the shared subscribers; and last the reports and the
//! checks, which no subscriber uses any more.

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
mod event;
mod ffi;
pub mod mmu_notifier;
mod model;
mod observe;
mod report;

module! {
    type: Mnck,
    name: "mnck",
    authors: ["The mnck developers"],
    description: "fsck for MMU notifiers",
    license: "GPL v2",
    params: {
        max_subscribers: u32 {
            default: 1024,
            description: "Maximum number of subscribers per open file of /dev/mnck (default 1024)",
        },
        wait_limit_ms: u32 {
            default: 10_000,
            description: "How long a callback waits for user space, in ms (default 10000)",
        },
        latency_limit_ms: u32 {
            default: 0,
            description: "Report callbacks that take longer, in ms; 0: none (default 0)",
        },
        stall_limit_ms: u32 {
            default: 10_000,
            description: "Report callbacks that have not returned for so long, in ms; 0: none (default 10000)",
        },
        ledger_slots: u32 {
            default: 512,
            description: "How many tasks can be in callbacks at once (default 512)",
        },
        probes: u32 {
            default: 0,
            description: "1: also report what might have slept; slows down all locks (default 0)",
        },
        chain_slots: u32 {
            default: 32,
            description: "How many open ranges a new chain has memory for (default 32)",
        },
    },
}

// The fields are dropped in this order.
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
            _checks: check::Checks::new(report::violation)?,
            _tables: report::Tables::new()?.with::<observe::Registered>(),
            _shared: model::SharedDomain::new()?,
            // Last, because the device can be opened as soon as it is registered.
            _device <- MiscDeviceRegistration::register(MiscDeviceOptions { name: c"mnck" }),
        })
    }
}
