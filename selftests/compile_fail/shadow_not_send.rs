// SPDX-License-Identifier: GPL-2.0

//! The shadow must be `Send`: each task that takes the user lock gets it.

use kernel::{
    prelude::*,
    sync::Mutex, //
};
use mnck::mmu_notifier::*;

struct Mirror;

#[vtable]
impl IntervalSubscriber for Mirror {
    //+ type UserLock = Mutex<u8>;
    type UserLock = Mutex<*mut u8>; //~ E0277
}
