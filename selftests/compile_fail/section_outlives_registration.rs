// SPDX-License-Identifier: GPL-2.0

//! Who looks up translations keeps the registration from going.

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
