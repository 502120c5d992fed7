// SPDX-License-Identifier: GPL-2.0

//! mnck: fsck for MMU notifiers.
//!
//! | folder | what is in it |
//! |---|---|
//! | [`mmu_notifier`] | the abstraction: registers subscribers with the core, and calls them in its callbacks |
//! | [`chain`] | a notifier chain whose members may refuse and have an end |
//! | [`model`] | the model subscribers, a file for each kind |
//! | [`device`] | `/dev/mnck`: its ioctls attach model subscribers to the process of a user |
//! | [`event`] | facts: which callback of which subscriber runs for which range, in which task |
//! | [`check`] | the rules: judges each callback of a model subscriber |
//! | [`observe`] | the subscriptions of all drivers, and probes on their callbacks |
//! | [`report`] | the reports of violations: warnings, tracepoints and tables in debugfs |
//! | [`ffi`] | the border to C, used by all others |
//!
//! Callbacks go from left to right, and so does what mnck finds out about them:
//!
//! ```text
//! core mm ──► mmu_notifier ──┬───────────► model ──► device ──► user space
//!                            └──► chain ────┘│
//!                                            ├─────► check ───► report ──► user space
//! core mm ──► observe ───────────────────────┘
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
//! can attach a subscriber; then the probes on other drivers, whose callbacks may still run; then the
//! domain of the shared subscribers; then the record of the waits in callbacks; and last the reports
//! and the checks, which no subscriber uses any more.

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
}

// The fields are dropped in this order.
#[pin_data]
struct Mnck {
    _tables: report::Tables,
    #[pin]
    _device: MiscDeviceRegistration<device::Session>,
    _observation: observe::Observation,
    _shared: model::SharedDomain,
    _waits: model::WaitRecord,
    _recordings: report::RecordingsOwner,
    _journal: report::JournalOwner,
    _checks: check::Checks,
    _parameters: ffi::parameters::Applied,
    _sleep_probe: ffi::SleepProbe,
}

impl kernel::InPlaceModule for Mnck {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _sleep_probe: ffi::SleepProbe::new(),
            _parameters: ffi::parameters::Applied::new(),
            _checks: check::Checks::new(report::violation)?,
            _journal: report::JournalOwner::new()?,
            _recordings: report::RecordingsOwner::new()?,
            _waits: model::WaitRecord::new()?,
            _shared: model::SharedDomain::new()?,
            _observation: observe::Observation::new(report::registration)?,
            // The last that can fail, because the device can be opened as soon as it is registered.
            _device <- MiscDeviceRegistration::register(MiscDeviceOptions { name: c"mnck" }),
            _tables: report::Tables::new()
                .with::<observe::Registered>()
                .with::<observe::Drivers>(),
        })
    }
}
