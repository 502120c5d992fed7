// SPDX-License-Identifier: GPL-2.0

//! What was looked up is installed while the lock is held.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn install<T: IntervalSubscriber>(
    section: ReadSection<'_, T>,
    task: &mut TaskContext,
) -> Result<(), Retry> {
    //+ let valid = section.lock(task)?;
    section.lock(task)?; //~ unused_must_use
    Ok(())
}
