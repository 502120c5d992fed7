// SPDX-License-Identifier: GPL-2.0

//! A subscriber must be `Send`: callbacks run in tasks of any process.

use kernel::{
    prelude::*,
    sync::Mutex, //
};
use mnck::mmu_notifier::*;

struct Guest {
    //+ buffer: Mutex<u8>,
    buffer: Mutex<*mut u8>,
}

#[vtable]
impl Subscriber for Guest {} //~ E0277
