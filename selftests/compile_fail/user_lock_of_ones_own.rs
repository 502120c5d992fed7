// SPDX-License-Identifier: GPL-2.0

//! A type that is no lock must not be used as a user lock.

use kernel::{
    prelude::*,
    sync::Mutex, //
};
use mnck::mmu_notifier::*;

struct NoLock;

struct Mirror;

#[vtable]
impl IntervalSubscriber for Mirror {
    //+ type UserLock = Mutex<NoLock>;
    type UserLock = NoLock; //~ E0277
}

type _Twin = Mutex<NoLock>;
