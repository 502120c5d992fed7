// SPDX-License-Identifier: GPL-2.0

//! `lock_atomic()` must not take a mutex: it is for locks that can be taken in any callback.

use kernel::{
    prelude::*,
    sync::Mutex,
    sync::SpinLock, //
};
use mnck::mmu_notifier::*;

struct Mirror;

#[vtable]
impl IntervalSubscriber for Mirror {
    //+ type UserLock = SpinLock<usize>;
    type UserLock = Mutex<usize>;
}

fn invalidate<'c>(invalidation: Invalidate<'_, 'c, Mirror>) -> Done<'c> {
    invalidation.lock_atomic().done() //~ E0277
}
