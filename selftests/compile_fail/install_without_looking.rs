// SPDX-License-Identifier: GPL-2.0

//! A driver must not install translations before it has checked that the read section did not
//! collide.

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
    let mut shadow = section.lock(task);

    *shadow = new; //~ E0614
    Ok(())
}

type Shadow<F> =
    <<<F as IntervalFlavour>::Subscriber as IntervalSubscriber>::UserLock as UserLock>::Shadow;
