// SPDX-License-Identifier: GPL-2.0

//! A driver that holds a lock that callbacks take must not begin a read section, which waits for
//! callbacks.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn install<F: IntervalFlavour>(
    section: ReadSection<'_, F::Subscriber>,
    another: &IntervalRegistration<F>,
    task: &mut TaskContext,
) -> Result<(), Retry> {
    let valid = section.lock(task)?;
    //+
    let section = another.read_begin(task); //~ E0499

    drop(valid);
    Ok(())
}
