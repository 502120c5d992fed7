// SPDX-License-Identifier: GPL-2.0

//! What a callback may do, its task may do.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn spawn<T: Send>(_what: T) {}

fn callback(context: MaySleep<'_>) {
    //+ drop(context);
    spawn(context); //~ E0277
}
