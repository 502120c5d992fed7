// SPDX-License-Identifier: GPL-2.0

//! A guard of the mmap lock must not be sent to another task: the task that has locked must unlock.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn spawn<T: Send>(_what: T) {}

fn ioctl(guard: MmapWriteGuard<'_>) {
    //+ drop(guard);
    spawn(guard); //~ E0277
}
