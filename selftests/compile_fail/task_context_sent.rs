// SPDX-License-Identifier: GPL-2.0

//! A `TaskContext` must not be sent to another task, which may be in a callback.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn spawn<T: Send>(_what: T) {}

fn ioctl() -> Result {
    let mut task = TaskContext::current()?;

    //+ drop(task);
    spawn(task); //~ E0277
    Ok(())
}
