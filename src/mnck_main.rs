// SPDX-License-Identifier: GPL-2.0

//! mnck: fsck for MMU notifiers.
//!
//! The rooms, and the way of the data between them, from core mm to user space:
//!
//! ```text
//! mmu_notifier ──► subscriber ──► device
//! ```
//!
//! [`ffi`] is the border to C, beside them all.
//!
//! On unload the device goes first, and is all there is: the subscribers belong to open files, and
//! an open file keeps the module loaded.

use kernel::{
    miscdevice::{
        MiscDeviceOptions,
        MiscDeviceRegistration, //
    },
    prelude::*, //
};

mod device;
mod ffi;
pub mod mmu_notifier;
mod subscriber;

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
    },
}

#[pin_data]
struct Mnck {
    #[pin]
    _device: MiscDeviceRegistration<device::Session>,
}

impl kernel::InPlaceModule for Mnck {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _device <- MiscDeviceRegistration::register(MiscDeviceOptions { name: c"mnck" }),
        })
    }
}
