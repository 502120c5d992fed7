// SPDX-License-Identifier: GPL-2.0

//! A driver must not fault pages in after it has taken the user lock in the same read section.

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
