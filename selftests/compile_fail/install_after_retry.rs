// SPDX-License-Identifier: GPL-2.0

//! A driver must not install translations after a `Retry`: they are stale.

use kernel::prelude::*;
use mnck::mmu_notifier::*;

fn install<F: IntervalFlavour>(
    registration: &IntervalRegistration<F>,
    new: Shadow<F>,
    task: &mut TaskContext,
) -> Result<(), Retry>
where
    Shadow<F>: Unpin,
{
    let section = registration.read_begin(task);

    match section.lock(task) {
        Ok(mut shadow) => *shadow = new,
        //+ Err(retry) => return Err(retry),
        Err(mut shadow) => *shadow = new, //~ E0614
    }
    Ok(())
}

type Shadow<F> =
    <<<F as IntervalFlavour>::Subscriber as IntervalSubscriber>::UserLock as UserLock>::Shadow;
