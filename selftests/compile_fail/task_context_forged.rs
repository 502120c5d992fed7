// SPDX-License-Identifier: GPL-2.0

//! Whether this is a callback is looked at, not claimed.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn ioctl() -> Result<TaskContext> {
    //+ TaskContext::current()
    Ok(TaskContext(kernel::types::NotThreadSafe)) //~ E0423
}
