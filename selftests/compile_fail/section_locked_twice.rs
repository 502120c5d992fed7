// SPDX-License-Identifier: GPL-2.0

//! A read section must not be used again after the user lock was released: it ended with the lock.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn read<T: IntervalSubscriber>(
    section: ReadSection<'_, T>,
    another: ReadSection<'_, T>,
    task: &mut TaskContext,
) -> Result<(), Retry> {
    drop(section.lock(task)?);
    //+ drop(another.lock(task)?);
    drop(section.lock(task)?); //~ E0382
    Ok(())
}
