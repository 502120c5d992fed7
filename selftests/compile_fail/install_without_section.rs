// SPDX-License-Identifier: GPL-2.0

//! A driver must not install translations outside of a read section: they may be stale.

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

    //+ let mut shadow = section.lock(task)?;
    let mut shadow = registration.lock(task);

    *shadow = new; //~ E0594
    Ok(())
}

type Shadow<F> =
    <<<F as IntervalFlavour>::Subscriber as IntervalSubscriber>::UserLock as UserLock>::Shadow;
