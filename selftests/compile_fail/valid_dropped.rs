// SPDX-License-Identifier: GPL-2.0

//! A driver must install translations while it holds the user lock, so the guard must not be
//! dropped at once.

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
