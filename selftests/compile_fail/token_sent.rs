// SPDX-License-Identifier: GPL-2.0

//! A callback must not send its context to another task: what it allows is for the task of the
//! callback.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn spawn<T: Send>(_what: T) {}

fn callback(context: MaySleep<'_>) {
    //+ drop(context);
    spawn(context); //~ E0277
}
