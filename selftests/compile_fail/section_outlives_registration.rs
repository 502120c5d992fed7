// SPDX-License-Identifier: GPL-2.0

//! A read section must not outlive its registration.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn read<F: IntervalFlavour>(
    registration: IntervalRegistration<F>,
    task: &mut TaskContext,
) -> Result<(), Retry> {
    let section = registration.read_begin(task);

    //+
    registration.unregister(task); //~ E0505
    drop(section.lock(task)?);
    Ok(())
}
