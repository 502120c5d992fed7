// SPDX-License-Identifier: GPL-2.0

//! A driver must not make up a `TaskContext`: it is given after a check that the task is in no
//! callback.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn ioctl() -> Result<TaskContext> {
    //+ TaskContext::current()
    Ok(TaskContext(kernel::types::NotThreadSafe)) //~ E0423
}
