// SPDX-License-Identifier: GPL-2.0

//! Pages are faulted in before the lock is taken.

use kernel::{
    mm::MmWithUser,
    prelude::*, //
};
use mnck::mmu_notifier::*;

fn read<T: IntervalSubscriber>(
    section: ReadSection<'_, T>,
    another: ReadSection<'_, T>,
    user: &MmWithUser,
    pages: &mut PageBuffer,
    task: &mut TaskContext,
) -> Result {
    drop(section.lock(task).map_err(|_| EAGAIN)?);

    //+ drop(another.fault_in(user, 0..4096, false, pages, task)?);
    drop(section.fault_in(user, 0..4096, false, pages, task)?); //~ E0382
    Ok(())
}
