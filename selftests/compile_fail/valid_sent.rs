// SPDX-License-Identifier: GPL-2.0

//! The guard of the user lock must not be sent to another task: the task that has locked must
//! unlock.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn spawn<T: Send>(_what: T) {}

fn install<T: IntervalSubscriber>(
    section: ReadSection<'_, T>,
    task: &mut TaskContext,
) -> Result<(), Retry> {
    let valid = section.lock(task)?;

    //+ drop(valid);
    spawn(valid); //~ E0277
    Ok(())
}
